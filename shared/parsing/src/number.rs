//! Numbers as JSON writes them. They are kept digit by digit, because `6.50` says more than `6.5`, and
//! because binary floating point changes `12345678901234567890.5`.

use serde_json::Number;

/// The most digits of a number that is written without an exponent. PostgreSQL stores `1e100000` with all
/// its digits.
const MOST_DIGITS: usize = 64;

/// The member by which serde_json hands a number over to a visitor.
pub(crate) const NUMBER: &str = "$serde_json::private::Number";

/// The start of the names of members that have a meaning of their own for serde_json. A stored object with
/// such a member could not be read again.
pub(crate) const RESERVED: &str = "$serde_json::private::";

/// The digits of a number, and how many of them stand after the decimal point. The second number is
/// negative if zeros follow the digits.
struct Digits {
    is_negative: bool,
    digits: String,
    scale: i64,
}

impl Digits {
    fn of(number: &Number) -> Option<Self> {
        let text = number.as_str();
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        Some(Self {
            is_negative,
            digits: [whole, fraction].concat(),
            scale: i64::try_from(fraction.len()).ok()? - i64::from(exponent),
        })
    }

    /// The number of digits before and after the decimal point, written without an exponent.
    fn written_out(&self) -> Option<usize> {
        let given = i64::try_from(self.digits.len()).ok()?;
        usize::try_from(given.max(self.scale).max(given - self.scale)).ok()
    }
}

/// Whether the number has few enough digits to be kept.
pub(crate) fn is_kept(number: &Number) -> bool {
    Digits::of(number)
        .and_then(|digits| digits.written_out())
        .is_some_and(|digits| digits <= MOST_DIGITS)
}

/// The number if it is an integer. `30.0` and `3e1` are integers, as JSON Schema says (draft 2020-12,
/// validation, 6.1.1).
pub(crate) fn integer(number: &Number) -> Option<i128> {
    let Digits {
        is_negative,
        mut digits,
        mut scale,
    } = Digits::of(number)?;
    while scale > 0 && digits.ends_with('0') {
        digits.pop();
        scale -= 1;
    }
    let zeros = usize::try_from(-scale)
        .ok()
        .filter(|zeros| *zeros <= MOST_DIGITS)?;
    digits.extend(std::iter::repeat_n('0', zeros));
    let sign = if is_negative { "-" } else { "" };
    match digits.as_str() {
        "" => Some(0),
        digits => format!("{sign}{digits}").parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Number {
        text.parse().unwrap()
    }

    #[test]
    fn a_number_without_fraction_is_an_integer_however_it_is_written() {
        for (text, expected) in [
            ("30", Some(30)),
            ("30.0", Some(30)),
            ("3e1", Some(30)),
            ("3.0E+1", Some(30)),
            ("300e-1", Some(30)),
            ("-30.00", Some(-30)),
            ("0", Some(0)),
            ("-0.0", Some(0)),
            ("0e9", Some(0)),
            ("30.5", None),
            ("30.0000000000000000000001", None),
            ("3e-1", None),
            ("1e999999999", None),
            ("1e-999999999", None),
            ("1e99999999999", None),
        ] {
            assert_eq!(integer(&number(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_number_with_too_many_digits_is_not_kept() {
        for (text, expected) in [
            ("6.50", true),
            ("12345678901234567890.5", true),
            ("123456789012345678901234567890", true),
            ("1e63", true),
            ("1e64", false),
            ("1e-64", true),
            ("1e-65", false),
            ("1e100000", false),
            ("1e99999999999", false),
        ] {
            assert_eq!(is_kept(&number(text)), expected, "{text}");
        }
        assert!(is_kept(&number(&"9".repeat(64))));
        assert!(!is_kept(&number(&"9".repeat(65))));
    }

    proptest! {
        #[test]
        fn an_integer_is_found_in_every_form(value in any::<i64>(), zeros in 0_usize..5, exponent in 0_u32..4) {
            let fraction = "0".repeat(zeros + 1);
            prop_assert_eq!(integer(&number(&format!("{value}.{fraction}"))), Some(value.into()));
            let power = i128::from(value) * 10_i128.pow(exponent);
            prop_assert_eq!(integer(&number(&format!("{value}e{exponent}"))), Some(power));
            prop_assert_eq!(integer(&number(&format!("{power}.0e-{exponent}"))), Some(value.into()));
        }
    }
}
