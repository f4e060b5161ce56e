//! Buttons of a form that change the form itself.

use crate::console::destination_draft::{DestinationDraft, DimensionRow, FieldRow, LimitRow};
use crate::ses::EventType;

/// Most rows of a form; definitions allow fewer.
const ROWS_MAX: usize = 40;

/// Adds or removes a row, or selects all types; returns whether the button was one of these.
pub(super) fn apply_row_action(draft: &mut DestinationDraft, action: &str) -> bool {
    let (button, at) = action.split_once('.').unwrap_or((action, ""));
    let at = at.parse().unwrap_or(usize::MAX);
    match button {
        "select-all" => {
            draft.types = EventType::ALL.iter().map(|one| one.api_name().to_owned()).collect();
        }
        "add-dimension" if draft.dimensions.len() < ROWS_MAX => {
            draft.dimensions.push(DimensionRow::default());
        }
        "add-field" if draft.fields.len() < ROWS_MAX => draft.fields.push(FieldRow::default()),
        "add-limit" if draft.limits.len() < ROWS_MAX => draft.limits.push(LimitRow::default()),
        "remove-limit" if at < draft.limits.len() => _ = draft.limits.remove(at),
        "remove-dimension" if at < draft.dimensions.len() => _ = draft.dimensions.remove(at),
        "remove-field" if at < draft.fields.len() => _ = draft.fields.remove(at),
        "add-dimension" | "add-field" | "add-limit" | "remove-dimension" | "remove-field"
        | "remove-limit" => {}
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_buttons_change_the_form_alone() {
        let mut draft = DestinationDraft::new();
        assert!(apply_row_action(&mut draft, "select-all"));
        assert_eq!(draft.types.len(), 10);
        for _ in 0..100 {
            assert!(apply_row_action(&mut draft, "add-dimension"));
        }
        assert_eq!(draft.dimensions.len(), ROWS_MAX);
        draft.dimensions[1].name = "campaign".to_owned();
        assert!(apply_row_action(&mut draft, "remove-dimension.0"));
        assert_eq!(draft.dimensions[0].name, "campaign");
        for action in
            ["remove-dimension.99", "remove-dimension.x", "remove-field.0", "remove-field"]
        {
            assert!(apply_row_action(&mut draft, action), "{action}");
        }
        assert_eq!(draft.dimensions.len(), ROWS_MAX - 1);
        let before = draft.clone();
        for action in ["", "next", "save", "create"] {
            assert!(!apply_row_action(&mut draft, action), "{action}");
        }
        assert_eq!(draft, before);
    }
}
