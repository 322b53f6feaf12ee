//! `question`: the answer to a question that the user chose. Something the user knows, so beside a password it is no second
//! factor (NIST SP 800-63B-4 §2.1).

use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

use super::FactorError;
use crate::secret::Secret;

/// The fewest characters of an answer (Okta).
const MIN_ANSWER: usize = 4;
/// The most characters of an answer.
pub const MAX_ANSWER: usize = 200;

/// Okta's keys of questions, and how they are asked.
pub const QUESTIONS: [(&str, &str); 20] = [
    ("disliked_food", "Which food did you refuse to eat as a child?"),
    ("name_of_first_plush_toy", "What did you call your first plush toy?"),
    ("first_award", "What did you win your first award for?"),
    ("favorite_security_question", "Which security question do you like best?"),
    ("favorite_toy", "Which toy did you love most as a child?"),
    ("first_computer_game", "Which computer game did you play first?"),
    ("favorite_movie_quote", "Which line of a movie do you like best?"),
    ("first_sports_team_mascot", "Which mascot did your first sports team have?"),
    ("first_music_purchase", "What was the first music that you bought?"),
    ("favorite_art_piece", "Which work of art do you like best?"),
    ("grandmother_favorite_desert", "Which dessert did your grandmother like best?"),
    ("first_thing_cooked", "What did you cook first?"),
    ("childhood_dream_job", "What did you want to become as a child?"),
    ("first_kiss_location", "Where was your first kiss?"),
    ("place_where_significant_other_was_met", "Where did you meet your partner?"),
    ("favorite_vacation_location", "Where do you like to spend your holidays?"),
    ("new_years_two_thousand", "Where were you when the year 2000 began?"),
    ("favorite_speaker_actor", "Which actor or speaker do you like best?"),
    ("favorite_book_movie_character", "Which character of a book or movie do you like best?"),
    ("favorite_sports_player", "Which sports player do you like best?"),
];

/// The profile of a new factor, and the answer as it is to be hashed.
///
/// # Errors
/// The question is none of the list, or the answer is too short, too long, or the question itself.
pub fn profile(given: &Map<String, Value>) -> Result<(Map<String, Value>, Secret<String>), FactorError> {
    let refuse = |member, problem: &str| Err(FactorError::Invalid { member, problem: problem.to_owned() });
    let asked = given.get("question").and_then(Value::as_str);
    let Some((key, text)) = QUESTIONS.into_iter().find(|(key, _)| Some(*key) == asked) else {
        return refuse("question", "must be one of the keys that the questions endpoint lists");
    };
    let answer = given.get("answer").and_then(Value::as_str).map(normalized);
    let Some(answer) = answer else { return refuse("answer", "is required") };
    let length = answer.expose().chars().count();
    if !(MIN_ANSWER..=MAX_ANSWER).contains(&length) {
        return refuse("answer", "must have 4 to 200 characters");
    }
    if normalized(text) == answer || key == answer.expose() {
        return refuse("answer", "must not be the question");
    }
    let profile = [("question".to_owned(), Value::from(key)), ("questionText".to_owned(), Value::from(text))];
    Ok((Map::from_iter(profile), answer))
}

/// An answer as it is compared: people do not remember how they wrote it, so case, blanks around it and runs of blanks do
/// not count, and composed and decomposed letters are the same (Unicode NFC).
pub fn normalized(answer: &str) -> Secret<String> {
    // Nothing that long was ever accepted; cutting it bounds the work.
    let cut = answer.chars().take(2 * MAX_ANSWER);
    let folded: String = cut.nfc().flat_map(char::to_lowercase).nfc().collect();
    let words = Secret::new(folded);
    let mut normalized = String::with_capacity(words.expose().len());
    for word in words.expose().split_whitespace() {
        if !normalized.is_empty() {
            normalized.push(' ');
        }
        normalized.push_str(word);
    }
    Secret::new(normalized)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(profile: &Value) -> Result<(Map<String, Value>, Secret<String>), FactorError> {
        super::profile(profile.as_object().unwrap())
    }

    #[test]
    fn case_blanks_and_composition_do_not_count() {
        let expected = normalized("grüner käse");
        for answer in ["Grüner Käse", "  GRÜNER   KÄSE ", "gru\u{308}ner ka\u{308}se", "grüner\tkäse"] {
            assert_eq!(normalized(answer), expected, "{answer}");
        }
        assert_ne!(normalized("gruener kaese"), expected);
    }

    #[test]
    fn the_answer_is_not_in_the_profile() {
        let (profile, answer) = of(&json!({"question": "disliked_food", "answer": " Mayonnaise"})).unwrap();
        assert_eq!(answer.expose(), "mayonnaise");
        assert_eq!(profile["question"], "disliked_food");
        assert!(!profile.contains_key("answer") && profile["questionText"].is_string());
    }

    #[test]
    fn unknown_questions_and_short_answers_are_refused() {
        for bad in [
            json!({"question": "custom", "answer": "mayonnaise"}),
            json!({"answer": "mayonnaise"}),
            json!({"question": "disliked_food"}),
            json!({"question": "disliked_food", "answer": " abc "}),
            json!({"question": "disliked_food", "answer": 1234}),
            json!({"question": "disliked_food", "answer": "x".repeat(201)}),
            json!({"question": "disliked_food", "answer": "Disliked_Food"}),
        ] {
            assert!(matches!(of(&bad), Err(FactorError::Invalid { .. })), "{bad}");
        }
    }
}
