//! QR codes (ISO/IEC 18004) as PNG pictures.

use qrcodegen::{QrCode, QrCodeEcc};

use crate::fault::Fault;

/// Pixels of a module.
const SCALE: i32 = 6;
/// Modules of the quiet zone around the symbol (ISO/IEC 18004 §9.1).
const QUIET: i32 = 4;

/// A picture of a text: black on white, one bit a pixel.
///
/// # Errors
/// The text is too long.
pub fn png(text: &str) -> Result<Vec<u8>, Fault> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium)
        .map_err(|_| Fault::stored("a text that is too long for a QR code"))?;
    let side = (code.size() + 2 * QUIET) * SCALE;
    let width = u32::try_from(side).map_err(Fault::stored)?;
    let mut pixels = Vec::new();
    for y in 0..side {
        let mut byte = 0_u8;
        for x in 0..side {
            let dark = code.get_module(x / SCALE - QUIET, y / SCALE - QUIET);
            byte = byte << 1 | u8::from(!dark);
            if x % 8 == 7 {
                pixels.push(byte);
                byte = 0;
            }
        }
        // A row ends at a whole byte (PNG §7.2).
        let rest = side % 8;
        if rest != 0 {
            pixels.push(byte << (8 - rest));
        }
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, width);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let failed = |error: png::EncodingError| Fault::Io(error.to_string());
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&pixels).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_a_png_whose_modules_are_those_of_the_symbol() {
        let text = "otpauth://totp/example:alice?secret=GEZDGNBVGY3TQOJQ";
        let file = png(text).unwrap();
        let mut reader = ::png::Decoder::new(std::io::Cursor::new(&file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).unwrap();
        assert_eq!(info.width, u32::try_from((code.size() + 8) * 6).unwrap());
        let white = |x: usize, y: usize| pixels[y * info.line_size + x / 8] >> (7 - x % 8) & 1 == 1;
        for y in 0..code.size() {
            for x in 0..code.size() {
                let (px, py) =
                    (usize::try_from((x + 4) * 6 + 3).unwrap(), usize::try_from((y + 4) * 6 + 3).unwrap());
                assert_eq!(white(px, py), !code.get_module(x, y), "{x} {y}");
            }
        }
        assert!(white(0, 0));
    }
}
