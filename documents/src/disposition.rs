//! The name a download is saved under: the `Content-Disposition` header of RFC 6266.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::FileType;

/// What RFC 8187 (formerly 5987) lets stand in `filename*` as it is: `attr-char`.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Saves as `original_name`, made harmless; always as an attachment, never shown in place.
pub(crate) fn attachment(original_name: &str, file_type: FileType) -> String {
    let name = safe_name(original_name, file_type);
    let plain: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || " .-_()".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let extended = utf8_percent_encode(&name, NOT_ATTR_CHAR);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{extended}")
}

/// The name without what means something to a file system or turns text around, and with an
/// extension of its checked type: `report.exe` that holds a PDF is saved as `report.exe.pdf`.
fn safe_name(original_name: &str, file_type: FileType) -> String {
    let cleaned: String = original_name
        .chars()
        .map(|c| if is_unsafe(c) { '_' } else { c })
        .collect();
    let name = cleaned.trim_matches(|c: char| c == '.' || c.is_whitespace());
    let name = if name.is_empty() { "file" } else { name };
    let extensions = file_type.extensions();
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    if extension.is_some_and(|extension| {
        extensions
            .iter()
            .any(|known| known.eq_ignore_ascii_case(extension))
    }) {
        name.to_owned()
    } else {
        format!("{name}.{}", extensions[0])
    }
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || r#"/\:*?"<>|"#.contains(c)
        // Invisible, or reversing what follows (Unicode TR 36): `annexe\u{202e}fdp.exe`.
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_kept_as_far_as_they_are_harmless() {
        for (original, file_type, expected) in [
            (
                "lab report.pdf",
                FileType::Pdf,
                r#"attachment; filename="lab report.pdf"; filename*=UTF-8''lab%20report.pdf"#,
            ),
            (
                "Größe.PNG",
                FileType::Png,
                r#"attachment; filename="Gr__e.PNG"; filename*=UTF-8''Gr%C3%B6%C3%9Fe.PNG"#,
            ),
            (
                "report.exe",
                FileType::Pdf,
                r#"attachment; filename="report.exe.pdf"; filename*=UTF-8''report.exe.pdf"#,
            ),
            (
                "..",
                FileType::Text,
                r#"attachment; filename="file.txt"; filename*=UTF-8''file.txt"#,
            ),
            (
                "../../etc/passwd",
                FileType::Text,
                r#"attachment; filename="_.._etc_passwd.txt"; filename*=UTF-8''_.._etc_passwd.txt"#,
            ),
            (
                "a\"; filename=\"b.html",
                FileType::Jpeg,
                r#"attachment; filename="a__ filename__b.html.jpg"; filename*=UTF-8''a_%3B%20filename%3D_b.html.jpg"#,
            ),
            (
                "a\r\nSet-Cookie: x=y",
                FileType::Dicom,
                r#"attachment; filename="a__Set-Cookie_ x_y.dcm"; filename*=UTF-8''a__Set-Cookie_%20x%3Dy.dcm"#,
            ),
            (
                "xray\u{202e}fdp.exe",
                FileType::Jpeg,
                r#"attachment; filename="xray_fdp.exe.jpg"; filename*=UTF-8''xray_fdp.exe.jpg"#,
            ),
        ] {
            assert_eq!(attachment(original, file_type), expected);
        }
    }

    fn hostile_name() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[a-z\"\\\\;=%'/\r\n\t. \u{0}-\u{1f}\u{202a}-\u{202e}é]{0,255}",
        ]
    }

    proptest! {
        #[test]
        fn no_name_breaks_out_of_the_header(
            name in hostile_name(),
            file_type in proptest::sample::select(FileType::ALL),
        ) {
            let header = attachment(&name, file_type);
            prop_assert!(header.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{header}");

            let rest = header.strip_prefix("attachment; filename=\"").unwrap();
            let (plain, extended) = rest.split_once("\"; filename*=UTF-8''").unwrap();
            prop_assert!(!plain.contains(['"', '\\', '%', ';', '/']), "{header}");
            let attr_char = |c: char| c.is_ascii_alphanumeric() || "!#$&+-.^_`|~%".contains(c);
            prop_assert!(extended.chars().all(attr_char), "{header}");

            let saved = percent_decode_str(extended).decode_utf8().unwrap();
            prop_assert!(!saved.chars().any(is_unsafe), "{saved:?}");
            prop_assert!(!saved.starts_with('.') && !saved.ends_with('.'), "{saved:?}");
            let saved = saved.to_lowercase();
            let (_, extension) = saved.rsplit_once('.').unwrap();
            prop_assert!(file_type.extensions().contains(&extension), "{saved:?}");
        }
    }
}
