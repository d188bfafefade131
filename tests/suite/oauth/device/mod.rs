mod attacks;
