//! What a change of metadata changed, old → new, for the audit log. Never a value.

use serde::Serialize;
use serde_json::{Map, Value};

/// Fields that differ, each as `{"old", "new"}`. Of the fields in `hidden`, that they changed and not what they were.
/// None: nothing differs.
pub(super) fn difference<T: Serialize>(old: &T, new: &T, hidden: &[&str]) -> Option<Value> {
    let (Value::Object(old), Value::Object(mut new)) = (plain(old), plain(new)) else { return None };
    let mut changes = Map::new();
    for (field, before) in old {
        let after = new.remove(&field).unwrap_or_default();
        note(&mut changes, field, before, after, hidden);
    }
    for (field, after) in new {
        note(&mut changes, field, Value::Null, after, hidden);
    }
    (!changes.is_empty()).then_some(Value::Object(changes))
}

fn note(changes: &mut Map<String, Value>, field: String, old: Value, new: Value, hidden: &[&str]) {
    if old == new {
        return;
    }
    let told = if hidden.contains(&field.as_str()) {
        Value::from("changed")
    } else {
        serde_json::json!({ "old": old, "new": new })
    };
    changes.insert(field, told);
}

fn plain<T: Serialize>(shape: &T) -> Value {
    serde_json::to_value(shape).expect("metadata has string keys and serialises")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_told_and_what_is_hidden_is_not_shown() {
        let old = json!({"name": "a", "uris": ["x"], "same": 1, "gone": true});
        let new = json!({"name": "b", "uris": ["y"], "same": 1, "fresh": 2});
        assert_eq!(
            difference(&old, &new, &["uris"]),
            Some(json!({
                "name": {"old": "a", "new": "b"},
                "uris": "changed",
                "gone": {"old": true, "new": null},
                "fresh": {"old": null, "new": 2},
            }))
        );
        assert_eq!(difference(&old, &old, &[]), None);
    }
}
