//! The form of code systems and of the codes of the most common ones. Codes are not looked up, because the content of
//! these systems is licensed.

/// The form of the codes of a system.
#[derive(Debug)]
pub struct CodeForm {
    /// The URI of the code system.
    pub system: &'static str,
    /// Its codes in words.
    pub what: &'static str,
    /// One of its codes.
    pub example: &'static str,
    check: fn(&str) -> bool,
}

impl CodeForm {
    /// Whether the code has this form.
    pub fn fits(&self, code: &str) -> bool {
        (self.check)(code)
    }
}

const FORMS: [CodeForm; 5] = [
    CodeForm {
        system: "http://snomed.info/sct",
        what: "a SNOMED CT code of 6 to 18 digits, such as 38341003",
        example: "38341003",
        check: |code| is_number(code, 6, 18),
    },
    CodeForm {
        system: "http://loinc.org",
        what: "a LOINC code such as 4548-4",
        example: "4548-4",
        check: |code| {
            code.split_once('-').is_some_and(|(number, check)| {
                let number = number.trim_start_matches(|letter: char| letter.is_ascii_uppercase());
                is_number(number, 1, 10) && is_number(check, 1, 1)
            })
        },
    },
    CodeForm {
        system: "http://www.nlm.nih.gov/research/umls/rxnorm",
        what: "an RxNorm code of 1 to 8 digits, such as 860975",
        example: "860975",
        check: |code| is_number(code, 1, 8),
    },
    CodeForm {
        system: "http://hl7.org/fhir/sid/cvx",
        what: "a CVX code of 1 to 3 digits, such as 140",
        example: "140",
        check: |code| is_number(code, 1, 3),
    },
    CodeForm {
        system: "http://hl7.org/fhir/sid/icd-10-cm",
        what: "an ICD-10-CM code such as E11.9",
        example: "E11.9",
        check: is_icd_10_cm,
    },
];

/// The form of the codes of this system. `None` if it isn't known.
pub fn code_form(system: &str) -> Option<&'static CodeForm> {
    FORMS.iter().find(|form| form.system == system)
}

fn is_number(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A letter, a digit, and a letter or digit; then optionally a point and up to four letters or digits.
fn is_icd_10_cm(code: &str) -> bool {
    let (category, rest) = code.split_once('.').unwrap_or((code, "0"));
    let either = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    matches!(category.as_bytes(), [letter, digit, last]
        if letter.is_ascii_uppercase() && digit.is_ascii_digit() && either(*last))
        && (1..=4).contains(&rest.len())
        && rest.bytes().all(either)
}

/// Whether the text is an absolute URI (RFC 3986, section 4.3).
pub fn is_absolute_uri(text: &str) -> bool {
    text.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
            && !rest.is_empty()
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"<>\"{}|\\^`".contains(&byte))
    })
}
