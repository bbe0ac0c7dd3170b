//! How many years of school a text needs: the grade level of Flesch and Kincaid (1975).

/// The Flesch-Kincaid grade level of an English text, with one digit after the point. `paragraphs` have whole sentences.
/// Syllables are counted by the vowels that are written, so the grade is an estimate.
pub fn reading_grade<'a>(paragraphs: impl Iterator<Item = &'a str>) -> f64 {
    let (mut sentences, mut words, mut syllables) = (0_u32, 0_u32, 0_u32);
    for paragraph in paragraphs {
        let mut is_open = false;
        for word in paragraph
            .split_whitespace()
            .filter(|word| word.contains(char::is_alphanumeric))
        {
            words += 1;
            syllables += count_syllables(word);
            is_open = !word.ends_with(['.', '!', '?', ':']);
            sentences += u32::from(!is_open);
        }
        sentences += u32::from(is_open);
    }
    if words == 0 {
        return 0.0;
    }
    let (sentences, words, syllables) =
        (f64::from(sentences), f64::from(words), f64::from(syllables));
    let grade = 0.39 * (words / sentences) + 11.8 * (syllables / words) - 15.59;
    (grade * 10.0).round() / 10.0
}

/// Each group of vowels is a syllable, without an `e`, `es` or `ed` at the end that isn't spoken.
fn count_syllables(word: &str) -> u32 {
    let letters: String = word
        .to_lowercase()
        .chars()
        .filter(|letter| letter.is_alphabetic())
        .collect();
    let is_vowel = |letter: char| "aeiouyáéíóú".contains(letter);
    let mut groups = 0;
    let mut former = false;
    for letter in letters.chars() {
        groups += u32::from(is_vowel(letter) && !former);
        former = is_vowel(letter);
    }
    let stem = ["es", "ed", "e"]
        .iter()
        .find_map(|end| letters.strip_suffix(end));
    let is_silent = stem.is_some_and(|stem| {
        let spoken: &[char] = match letters.ends_with("ed") {
            true => &['t', 'd'],
            false if letters.ends_with("es") => &['s', 'x', 'z', 'c', 'g', 'h'],
            false => &['l'],
        };
        !stem.ends_with(spoken) && !stem.ends_with(is_vowel)
    });
    groups.saturating_sub(u32::from(is_silent)).max(1)
}
