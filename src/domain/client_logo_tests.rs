//! Tests of which pictures are accepted as logos.

use super::*;

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    bytes.extend(width.to_be_bytes());
    bytes.extend(height.to_be_bytes());
    bytes.extend([8, 6, 0, 0, 0]);
    bytes
}

fn jpeg(width: u16, height: u16) -> Vec<u8> {
    // A segment of an application, a fill byte, and a progressive frame.
    let mut bytes = b"\xff\xd8\xff\xe0\x00\x06JFIF\xff\xff\xc2\x00\x11\x08".to_vec();
    bytes.extend(height.to_be_bytes());
    bytes.extend(width.to_be_bytes());
    bytes.push(3);
    bytes
}

fn webp(chunk: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut bytes = b"RIFF\x20\0\0\0WEBP".to_vec();
    bytes.extend(chunk);
    bytes.extend([16, 0, 0, 0]);
    bytes.extend(data);
    bytes
}

fn lossy(width: u16, height: u16) -> Vec<u8> {
    let mut data = vec![0, 0, 0, 0x9d, 0x01, 0x2a];
    data.extend(width.to_le_bytes());
    data.extend(height.to_le_bytes());
    webp(b"VP8 ", &data)
}

fn lossless(width: u32, height: u32) -> Vec<u8> {
    let bits = (width - 1) | (height - 1) << 14;
    let mut data = vec![0x2f];
    data.extend(bits.to_le_bytes());
    webp(b"VP8L", &data)
}

fn extended(width: u32, height: u32) -> Vec<u8> {
    let mut data = vec![0, 0, 0, 0];
    data.extend(&(width - 1).to_le_bytes()[..3]);
    data.extend(&(height - 1).to_le_bytes()[..3]);
    webp(b"VP8X", &data)
}

#[test]
fn pictures_are_told_by_their_content() {
    assert_eq!(check(&png(96, 1024)), Ok(ImageType::Png));
    assert_eq!(check(&jpeg(96, 1024)), Ok(ImageType::Jpeg));
    for file in [lossy(96, 1024), lossless(96, 1024), extended(96, 1024)] {
        assert_eq!(check(&file), Ok(ImageType::Webp));
    }
    for other in
        [&b""[..], b"GIF89a", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", b"BM", b"%PDF-1.7"]
    {
        assert_eq!(check(other), Err(LogoError::NotAnImage));
    }
}

#[test]
fn sides_are_bounded() {
    for file in [png(1025, 1), png(1, 1025), png(0, 1), png(u32::MAX, 1), jpeg(1025, 1), jpeg(1, 0)]
    {
        assert_eq!(check(&file), Err(LogoError::Dimensions));
    }
    for file in [lossy(1025, 1), lossy(1, 0), lossless(1, 1025), extended(1025, 1)] {
        assert_eq!(check(&file), Err(LogoError::Dimensions));
    }
}

#[test]
fn a_file_that_is_cut_off_is_no_picture() {
    for whole in [png(9, 9), jpeg(9, 9), lossy(9, 9), lossless(9, 9), extended(9, 9)] {
        assert!(check(&whole).is_ok());
        let needed = (0..whole.len()).rev().find(|length| check(&whole[..*length]).is_err());
        for length in 0..=needed.unwrap() {
            assert_eq!(check(&whole[..length]), Err(LogoError::NotAnImage), "{length}");
        }
    }
    // Segments without an end, and one that claims to be shorter than its own length.
    assert_eq!(check(b"\xff\xd8\xff\xe0\x00\x00\xff\xc0"), Err(LogoError::NotAnImage));
    assert_eq!(check(b"\xff\xd8\xff\xda\x00\x08"), Err(LogoError::NotAnImage));
    assert_eq!(check(&b"\xff\xd8".repeat(30_000)), Err(LogoError::NotAnImage));
}

#[test]
fn a_file_is_bounded() {
    let mut file = png(9, 9);
    file.resize(MAX_BYTES, 0);
    assert!(check(&file).is_ok());
    file.push(0);
    assert_eq!(check(&file), Err(LogoError::TooLarge));
}
