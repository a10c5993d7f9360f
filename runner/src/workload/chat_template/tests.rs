//! Own templates with every construct in use, beside what `transformers` makes of them (`tests/tools/chat_templates.py`);
//! where templates come from; frames.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::*;

/// The instant that `transformers` was told.
fn now() -> ZonedDateTime {
    "2026-02-03T04:05:06+00:00[UTC]".parse().expect("a time")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/workload/chat_template/oracle")
}

fn json_file(name: &str) -> Value {
    let bytes = fs_err::read(folder().join(name)).expect("a file");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn of(config: &Value) -> Result<ChatTemplate, ChatTemplateError> {
    let files = TemplateFiles { config: Some(config.to_string().into_bytes()), ..TemplateFiles::default() };
    ChatTemplate::new(&files, now())
}

#[test]
fn templates_render_as_transformers_renders_them() {
    let conversations = json_file("conversations.json");
    let expected: BTreeMap<String, BTreeMap<String, [Value; 2]>> =
        serde_json::from_value(json_file("expected.json")).expect("texts");
    let mut faults = Vec::new();
    let mut compared = 0;
    for (name, texts) in &expected {
        let files = TemplateFiles {
            config: Some(fs_err::read(folder().join("special_tokens.json")).expect("a file")),
            jinja: Some(fs_err::read(folder().join(format!("{name}.jinja"))).expect("a template")),
            special_tokens: None,
        };
        let template = ChatTemplate::new(&files, now()).unwrap_or_else(|error| panic!("{name}: {error}"));
        for (conversation, texts) in texts {
            for (prompt, expected) in [false, true].into_iter().zip(texts) {
                compared += 1;
                let rendered = template.render(&conversations[conversation], prompt);
                // What transformers refuses has no text.
                let same = match (&rendered, expected.as_str()) {
                    (Ok(text), Some(expected)) => text == expected,
                    (Err(_), None) => true,
                    (Ok(_), None) | (Err(_), Some(_)) => false,
                };
                if !same {
                    faults.push(format!("{name}, {conversation}, {prompt}:\n{rendered:?}\n{expected}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} of {compared}:\n{}", faults.len(), faults.join("\n\n"));
    assert!(compared >= 90, "only {compared}");
}

#[test]
fn the_template_is_found_where_transformers_finds_it() {
    let rendered = |files: TemplateFiles| {
        let template = ChatTemplate::new(&files, now())?;
        template.render(&json!([{"role": "user", "content": "x"}]), false)
    };
    let bytes = |value: Value| Some(value.to_string().into_bytes());
    let one = json!({"chat_template": "{{ bos_token }}{{ sep_token }}one", "bos_token": {"content": "<b>"}});
    let files = TemplateFiles {
        config: bytes(one),
        special_tokens: bytes(
            json!({"bos_token": "<other>", "sep_token": "<sep>", "additional_special_tokens": ["<x>"]}),
        ),
        jinja: None,
    };
    assert_eq!(rendered(files.clone()), Ok("<b><sep>one".to_owned()));
    let jinja = Some(b"{{ bos_token }}two".to_vec());
    assert_eq!(rendered(TemplateFiles { jinja, ..files }), Ok("<b>two".to_owned()));
    let named = json!({"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]});
    assert_eq!(
        rendered(TemplateFiles { config: bytes(named), ..TemplateFiles::default() }),
        Ok("d".to_owned())
    );
    for none in [
        json!({}),
        json!({"chat_template": null}),
        json!({"chat_template": [{"name": "rag", "template": ""}]}),
    ] {
        assert_eq!(of(&none).err(), Some(ChatTemplateError::Missing), "{none}");
    }
    assert_eq!(rendered(TemplateFiles::default()), Err(ChatTemplateError::Missing));
}

#[test]
fn faults_say_what_is_wrong() {
    let fault = |template: &str| match of(&json!({"chat_template": template})) {
        Ok(template) => template.frame().expect_err("no frame").to_string(),
        Err(error) => error.to_string(),
    };
    for (template, told) in [
        ("{% for message in messages %}", "syntax error: unexpected end of input"),
        ("{{ raise_exception('No users here.') }}", "No users here."),
        ("{{ messages[0].content.frob() }}", "string has no method named frob"),
    ] {
        let fault = fault(template);
        assert!(fault.starts_with("the chat template cannot be used: ") && fault.contains(told), "{fault}");
    }
    for changed in [
        "{{ messages[0].content | upper }}",
        "none",
        "{{ messages[0].content }}{{ messages[0].content }}",
        "{{ messages[0].content | length }}",
    ] {
        assert_eq!(
            of(&json!({"chat_template": changed})).expect("a template").frame(),
            Err(ChatTemplateError::Frame),
            "{changed}"
        );
    }
    let broken = TemplateFiles { config: Some(b"{".to_vec()), ..TemplateFiles::default() };
    let broken = ChatTemplate::new(&broken, now()).expect_err("no JSON").to_string();
    assert!(broken.starts_with("tokenizer_config.json: EOF while parsing"), "{broken}");
}

#[test]
fn a_frame_is_what_stands_around_a_message() {
    let files = TemplateFiles {
        jinja: Some(fs_err::read(folder().join("headers.jinja")).expect("a template")),
        ..TemplateFiles::default()
    };
    let frame = ChatTemplate::new(&files, now()).and_then(|template| template.frame()).expect("a frame");
    let before = "<|start|>system<|sep|>\n\nToday: 03 Feb 2026, 04:05\n<|eot|><|start|>user<|sep|>\n\n";
    let after = "<|eot|><|start|>assistant<|sep|>\n\n";
    assert_eq!(frame, Frame { before: before.to_owned(), after: after.to_owned() });
    let text = frame.around("Hello  there");
    assert!(text.contains("\n\nHello  there<|eot|>"), "{text}");
}
