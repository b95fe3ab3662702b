//! Tests of the encoder; those that need the weights run only where a model directory is present.

use super::testing::model;
use super::*;

#[test]
fn a_missing_model_is_named_with_a_hint() {
    let empty = tempfile::tempdir().unwrap();
    let error = Encoder::load(empty.path(), 1).err().unwrap().to_string();
    assert!(error.contains("model.safetensors` is missing"), "{error}");
    assert!(error.ends_with("get it with `mcpctl model pull`"), "{error}");
}

#[test]
fn a_broken_model_is_named_with_the_file_at_fault() {
    let directory = tempfile::tempdir().unwrap();
    for name in MODEL_FILES {
        std::fs::write(directory.path().join(name), "{").unwrap();
    }
    let error = Encoder::load(directory.path(), 1).err().unwrap();
    assert!(matches!(error, EncoderError::Unusable { .. }));
    assert!(error.to_string().contains("`config.json`"), "{error}");
}

#[test]
fn known_pairs_have_their_known_cosine() {
    let Some(encoder) = model() else { return };
    // As computed by another forward pass over the same weights, the one of candle-transformers.
    let cases = [
        ("This is an example sentence", "Each sentence is converted", 0.40456),
        ("A man is eating food.", "A man is eating a piece of bread.", 0.75534),
        ("The firewall blocks port 22", "Who wants pizza for lunch?", -0.00002),
    ];
    for (a, b, expected) in cases {
        let found = cosine(&encoder.encode_all(&[a]).unwrap().remove(0), &encoder.encode_all(&[b]).unwrap().remove(0));
        assert!((found - expected).abs() < 1e-3, "{a} / {b}: {found}");
    }
}

#[test]
fn a_batch_gives_what_single_texts_give() {
    let (Some(batched), Some(single)) = (model(), model()) else { return };
    let texts: Vec<String> = (1..40).map(|n| "word ".repeat(n * 2) + &n.to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let together = batched.encode(&texts, &|| true).unwrap();
    for (text, embedding) in texts.iter().zip(together) {
        let alone = single.encode_all(&[text]).unwrap().remove(0);
        assert!(cosine(&embedding.unwrap(), &alone) > 0.9999, "{text}");
    }
}

#[test]
fn embeddings_are_unit_vectors_and_cached() {
    let Some(encoder) = model() else { return };
    let first = encoder.encode_all(&["firewall rule changed"]).unwrap().remove(0);
    assert!((cosine(&first, &first) - 1.0).abs() < 1e-4);
    let again = encoder.encode(&["firewall rule changed", "never seen"], &|| false).unwrap();
    assert!(again[0].is_some(), "from the cache, though no time was left");
    assert!(again[1].is_none(), "not reached");
}
