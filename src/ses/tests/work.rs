//! The cost of reading: for every input a small multiple of its length, in bytes scanned.

use proptest::prelude::*;

use super::inputs::soup;
use super::*;
use crate::ses::work;

/// Counts visits.
#[derive(Default)]
struct Count(usize);

impl Visitor for Count {
    fn event(&mut self, _: &Event<'_>, _: &Path, _: u64, _: &[u8]) {
        self.0 += 1;
    }

    fn non_event(&mut self, _: NonEventReason<'_>, _: &Path, _: u64, _: &[u8]) {
        self.0 += 1;
    }
}

/// Scanned bytes per byte of a text of length `len`, read whole and in blocks.
fn ratios(text: &[u8], len: usize) -> (f64, f64) {
    let interest = interest();
    let ratio = |read: &dyn Fn(&mut Count)| {
        let mut count = Count::default();
        let looked_at = work::of(|| read(&mut count));
        #[expect(clippy::cast_precision_loss, reason = "a ratio need not be exact")]
        let ratio = looked_at.saturating_sub(1 << 14) as f64 / len as f64;
        ratio
    };
    let whole = ratio(&|count| read_record(text, &interest, count));
    let blocks = ratio(&|count| {
        Reader::with_block_bytes(text, 1 << 14).read(0, &interest, count).unwrap();
    });
    (whole, blocks)
}

#[track_caller]
fn assert_linear(name: &str, text: impl AsRef<[u8]>, most: f64) {
    let text = text.as_ref();
    assert_linear_to(name, text, text.len(), most);
}

#[track_caller]
fn assert_linear_to(name: &str, text: &[u8], len: usize, most: f64) {
    let (whole, blocks) = ratios(text, len);
    assert!(whole <= most, "{name}: {whole} times its length");
    assert!(blocks <= 1.5 * most, "{name}: {blocks} times its length in blocks");
}

const LEN: usize = 100_000;

/// Passes over a text. Most of them search for a quote or bracket, at least eight bytes at a time.
const FEW: f64 = 16.0;

/// A text repeated to about [`LEN`] bytes.
fn long(part: &str) -> String {
    part.repeat(LEN / part.len())
}

#[test]
fn faults_cost_a_few_times_their_length() {
    let send = event("Send");
    for part in [
        "{\"a\":\n",
        "[\n",
        "\"\n",
        "{x\n",
        "{\"mail\":{\n",
        "{\"a\":[\n",
        "?\n",
        "{\"a\":\"\n",
        "[{\"a\":1},\n",
        "[1e999,\"\\ud800\",\n",
        "{}\n{\"a\":[1,1,1,1,1,1,1,1,01]}\n",
        "{\"Records\":[\n",
        "{\"Message\":\n",
        "[[[[]]],[[[[\n",
    ] {
        assert_linear(part, long(part), FEW);
        assert_linear(part, format!("{}\"", long(part)), FEW);
        assert_linear(part, format!("{}{}", long(part), "x".repeat(LEN)), FEW);
        assert_linear(part, format!("{}\"{}", long(part), "x".repeat(LEN)), FEW);
    }
    for opened in ["[\n", "{\"a\":\n", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n"] {
        for part in [
            "0,\n",
            "0,",
            "{},\n",
            "{\"a\":[{}]},\n",
            "\"x\",\n",
            "1e999,\"\\ud800\",",
            "[[1]],\n",
            " ",
            "\n",
            &format!("{send},\n"),
            "{\"TopicArn\":\"\",\"Message\":\"{}\"},\n",
        ] {
            for times in [1, 60, 127, 128, 1000] {
                let text = format!("{}{}", opened.repeat(times), long(part));
                assert_linear(&format!("{times} {opened} {part}"), &text, FEW);
                assert_linear(&format!("{times} {opened} {part}?"), format!("{text}?"), FEW);
            }
        }
    }
}

/// A value that is too long is detected once, not again for each value inside it.
#[test]
fn value_that_is_too_long_costs_no_more_for_each_value_that_it_opens() {
    let opened = "[\n".repeat(127);
    for part in ["{},\n", " "] {
        let text = format!("{opened}{}", part.repeat((VALUE_BYTES_MAX + (1 << 20)) / part.len()));
        assert_linear(part, text, FEW);
    }
    let string = format!("{opened}\"{}\"", "x".repeat(VALUE_BYTES_MAX + 10));
    assert_linear("a string without an end", &string[..string.len() - 1], FEW);
}

#[test]
fn valid_values_cost_a_few_times_their_length() {
    let send = event("Send");
    let growing = (0..500).map(|n| json!({"a": "x".repeat(n)}).to_string()).collect::<String>();
    let many = |member: &str| format!("{{{}\"x\":0}}", long(&format!("{member},")));
    for (name, text) in [
        ("objects", long("{\"a\":\"b\"}")),
        ("empty objects", long("{}")),
        ("a long object and short ones", format!("{{\"a\":\"{}\"}}{}", long("x"), long("{}"))),
        (
            "long and short objects",
            long(&format!("{{\"a\":\"{}\"}}{}", "x".repeat(2000), "{}".repeat(50))),
        ),
        ("growing objects", growing),
        ("white space", long(&format!("{{}}{}", " \n".repeat(5000)))),
        ("white space in objects", long(&format!("{{{}}}", " \n".repeat(5000)))),
        ("events", long(&send)),
        ("blocks", many("\"bounce\":{\"bouncedRecipients\":[{\"emailAddress\":\"a\"}]}")),
        ("parts", format!("{{\"mail\":{}}}", many("\"destination\":[\"a\"]"))),
        ("tags", format!("{{\"mail\":{}}}", many("\"tags\":{\"campaign\":[\"a\"]}"))),
        ("a tag", format!("{{\"mail\":{{\"tags\":{}}}}}", many("\"campaign\":[\"a\"]"))),
        ("headers", format!("{{\"mail\":{}}}", many("\"headers\":[{\"name\":\"X-Pool\"}]"))),
        ("wrappings", many("\"Message\":{\"a\":1},\"Records\":[0,0,0]")),
        ("escaped keys", many("\"m\\u0061il\":{\"t\\u0061gs\":{\"c\\u0061mpaign\":[\"a\"]}}")),
        ("entries", format!("{{\"Records\":[{}0],\"records\":[]}}", long("0,"))),
        ("records", format!("{{\"requestId\":\"r\",\"records\":[{}0]}}", long("{},"))),
    ] {
        assert_linear(name, &text, FEW);
        let packed = gzipped(&text);
        assert_linear_to(name, &packed, text.len(), FEW);
        assert_linear(name, sns(&text), FEW);
        assert_linear(name, firehose(&[&text]), FEW);
    }
}

/// Eight levels of any wrapping around anything.
#[test]
fn nested_wrappings_cost_one_pass_per_level() {
    for payload in [long("{\"a\":[{}]}"), long("0,"), long(&event("Send")), "x".repeat(LEN)] {
        for wrap in 0..5 {
            let mut text = format!("[{}0]", payload.replace('}', "},").replace(",,", ","));
            for _ in 0..8 {
                text = match wrap {
                    0 => format!("{{\"TopicArn\":\"\",\"Message\":{text}}}"),
                    1 => format!("{{\"Records\":[{{\"body\":{text}}}]}}"),
                    2 => format!(
                        "{{\"Records\":[{{\"Sns\":{{\"Message\":{text},\"Type\":\"Notification\"}}}}]}}"
                    ),
                    3 => firehose(&[&text]),
                    _ => {
                        format!("{{\"source\":\"aws.ses\",\"detail-type\":\"\",\"detail\":{text}}}")
                    }
                };
            }
            // At most four passes a level.
            let most = 3.0 * FEW;
            assert_linear(&format!("wrapping {wrap}"), text, most);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any fragment, repeated many times after some other text.
    #[test]
    fn repeated_text_costs_a_few_times_its_length(
        before in soup(),
        part in soup(),
        after in soup(),
        between in prop::sample::select(vec!["", "\n", ",", " ", ",\n"]),
    ) {
        let part = [&part[..], between.as_bytes()].concat();
        let text = [&before[..], &part.repeat(100_000 / part.len().max(1)), &after].concat();
        let (whole, blocks) = ratios(&text, text.len());
        prop_assert!(whole <= FEW && blocks <= 2.0 * FEW, "{} {} {}", whole, blocks, part.escape_ascii());
    }
}
