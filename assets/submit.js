// The answer to an application is a form; this sends it. Without scripts the button does.
document.getElementById("answer").submit();
