//! Lines of an import: what is taken, what is refused, and by which line.

use super::*;

fn lines(text: &str) -> Result<Vec<String>, String> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("v"), "from file").unwrap();
    std::fs::write(directory.path().join("n"), "hush\n").unwrap();
    let read = read(&Plaintext::new(text.as_bytes().to_vec()), directory.path(), false);
    let shown = |object: Plaintext| object.lend(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
    read.map(|(_, objects)| objects.into_iter().map(shown).collect()).map_err(|failure| failure.text)
}

#[test]
fn lines_become_objects_with_their_values() {
    let text = "{\"id\":\"_a\",\"max_age_days\":1e1,\"value_file\":\"v\"}\n\n{\"id\":\"_b\",\"value\":\"x\"}\r\n{\"value_base64\":\"/w==\"}";
    assert_eq!(
        lines(text).unwrap(),
        [
            r#"{"id":"_a","max_age_days":1e1,"value":"from file"}"#,
            r#"{"id":"_b","value":"x"}"#,
            r#"{"value_base64":"/w=="}"#,
        ]
    );
}

#[test]
fn all_wrong_lines_are_told_and_no_value() {
    let text = "{\"value\":\" hush\"}\n{\"id\":\"_a\",\"value\":\"a\",\"restrictions\":{}}\n{\n{\"value\":\"hush\",\"value\":\"hush\"}\n{\"value\":1}\n{\"id\":\"a\"}\n\
                {\"value_file\":\"n\"}\n{\"value_file\":\"nope\"}\n[\"hush\"]\n{\"value\":\"a\",\"value_file\":\"v\"}\n\
                {\"id\":\"_b\",\"value\":\"hush\",\"restrcitions\":{}}\n{\"id\":\"_b\",\"value\":\"hush\",\"restrictions\":{\"script\":[]}}";
    let told = lines(text).unwrap_err();
    for number in [1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] {
        assert!(told.contains(&format!("line {number}: ")), "{number}: {told}");
    }
    assert!(!told.contains("line 2:") && !told.contains("hush"), "{told}");
    assert!(lines("\n \n").unwrap_err().contains("nothing to import"));
}

#[test]
fn a_line_that_is_wrong_names_its_field() {
    for (line, why) in [
        (r#"{"value":1}"#, "value has a value of the wrong type"),
        (r#"{"id":"a","value_base64":{"hush":1}}"#, "value_base64 has a value of the wrong type"),
        (r#"{"value_file":"v","value_file":"v"}"#, "value_file is given twice"),
        (r#"{"Hush 1":"v","Hush 1":"v"}"#, "has a field twice"),
        ("[1]", "is no JSON object"),
        ("{\"id\"", "is no JSON (column 5)"),
    ] {
        assert_eq!(lines(line).unwrap_err(), format!("{NOTHING}\nline 1: {why}"));
    }
}

#[test]
fn findings_are_told_by_line() {
    let numbers = [1, 2, 5, 7];
    let error = |pointer: &str, detail: &str| FieldError::new(pointer, detail);
    let told = told(
        &[
            error("/secrets/0/max_age_days", "has a value of the wrong type"),
            error("/secrets/1/id", "is the same ID as that of /secrets/0"),
            error("/secrets/2/id", "is no secret ID"),
            error("/secrets/2/restrictions/domains/0", "is no domain"),
            error("/secrets/3", "has a field that isn't known"),
            error("/secrets/9/id", "is wrong"),
        ],
        &numbers,
    );
    let expected = [
        NOTHING,
        "line 1: max_age_days has a value of the wrong type",
        "line 2: id is the same ID as that of line 1",
        "line 5: id is no secret ID",
        "    restrictions/domains/0 is no domain",
        "line 7: has a field that isn't known",
        "secrets/9/id is wrong",
    ];
    assert_eq!(told.lines().collect::<Vec<_>>(), expected);
}
