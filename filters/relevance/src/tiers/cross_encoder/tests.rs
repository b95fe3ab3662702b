//! Tests on a small model of random weights, against the forward pass computed with candle's tensors.

use super::*;
use candle_core::{D, Result, Tensor};
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;

const SIZE: usize = 64;
const WIDE: usize = 128;
const LAYERS: usize = 2;
const HEADS: usize = 2;
const WORDS: [&str; 12] =
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "firewall", "blocks", "port", "lunch", "is", "served", "late"];

/// Weights between -0.5 and 0.5, the same in every run.
fn noise(shape: &[usize], seed: u32) -> Tensor {
    let count = shape.iter().product();
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        f64::from(state) / f64::from(u32::MAX) - 0.5
    };
    let values: Vec<f32> = (0..count).map(|_| next() as f32).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

fn weights(labels: usize) -> HashMap<String, Tensor> {
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("bert.embeddings.word_embeddings.weight".to_owned(), vec![WORDS.len(), SIZE]),
        ("bert.embeddings.position_embeddings.weight".to_owned(), vec![512, SIZE]),
        ("bert.embeddings.token_type_embeddings.weight".to_owned(), vec![2, SIZE]),
        ("classifier.weight".to_owned(), vec![labels, SIZE]),
        ("classifier.bias".to_owned(), vec![labels]),
    ];
    let mut linear = |name: String, outputs: usize, inputs: usize| {
        shapes.push((format!("{name}.weight"), vec![outputs, inputs]));
        shapes.push((format!("{name}.bias"), vec![outputs]));
    };
    linear("bert.pooler.dense".to_owned(), SIZE, SIZE);
    for layer in (0..LAYERS).map(|layer| format!("bert.encoder.layer.{layer}")) {
        for part in ["query", "key", "value"] {
            linear(format!("{layer}.attention.self.{part}"), SIZE, SIZE);
        }
        linear(format!("{layer}.attention.output.dense"), SIZE, SIZE);
        linear(format!("{layer}.intermediate.dense"), WIDE, SIZE);
        linear(format!("{layer}.output.dense"), SIZE, WIDE);
    }
    for part in ["weight", "bias"] {
        shapes.push((format!("bert.embeddings.LayerNorm.{part}"), vec![SIZE]));
        for layer in (0..LAYERS).map(|layer| format!("bert.encoder.layer.{layer}")) {
            shapes.push((format!("{layer}.attention.output.LayerNorm.{part}"), vec![SIZE]));
            shapes.push((format!("{layer}.output.LayerNorm.{part}"), vec![SIZE]));
        }
    }
    // As trained ones: a normalisation leaves about as much as it finds.
    let around = |name: &str, noise: Tensor| if name.ends_with("LayerNorm.weight") { noise + 1.0 } else { Ok(noise) };
    let tensor = |(seed, (name, shape)): (u32, (String, Vec<usize>))| {
        let tensor = around(&name, noise(&shape, seed)).unwrap();
        (name, tensor)
    };
    (1..).zip(shapes).map(tensor).collect()
}

/// A model directory in the layout of the hub.
fn directory(labels: usize) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let config = json!({
        "vocab_size": WORDS.len(), "hidden_size": SIZE, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "intermediate_size": WIDE, "hidden_act": "gelu", "max_position_embeddings": 512, "type_vocab_size": 2,
        "layer_norm_eps": 1e-12, "id2label": {"0": "LABEL_0"},
    });
    let vocabulary: serde_json::Map<String, serde_json::Value> =
        WORDS.iter().enumerate().map(|(id, word)| ((*word).to_owned(), id.into())).collect();
    let special = |id: u32, content: &str| {
        json!({"id": id, "content": content, "single_word": false, "lstrip": false,
        "rstrip": false, "normalized": false, "special": true})
    };
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "decoder": null,
        "added_tokens": [special(1, "[UNK]"), special(2, "[CLS]"), special(3, "[SEP]")],
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocabulary},
    });
    candle_core::safetensors::save(&weights(labels), directory.path().join("model.safetensors")).unwrap();
    std::fs::write(directory.path().join("config.json"), config.to_string()).unwrap();
    std::fs::write(directory.path().join("tokenizer.json"), tokenizer.to_string()).unwrap();
    directory
}

/// The logits of a pair, in candle's tensors, step by step as in the definition.
fn logits(weights: &HashMap<String, Tensor>, ids: &[u32], types: &[u32]) -> Result<Vec<f32>> {
    let get = |name: &str| &weights[name];
    let linear = |x: &Tensor, name: &str| {
        x.matmul(&get(&format!("{name}.weight")).t()?)?.broadcast_add(get(&format!("{name}.bias")))
    };
    let norm = |x: &Tensor, name: &str| {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let scale = (centred.sqr()?.mean_keepdim(D::Minus1)? + 1e-12)?.sqrt()?;
        let x = centred.broadcast_div(&scale)?;
        x.broadcast_mul(get(&format!("{name}.weight")))?.broadcast_add(get(&format!("{name}.bias")))
    };
    let rows = |name: &str, ids: &[u32]| get(name).index_select(&Tensor::new(ids, &Device::Cpu)?, 0);
    let places: Vec<u32> = (0..).take(ids.len()).collect();
    let sum = (rows("bert.embeddings.word_embeddings.weight", ids)?
        + rows("bert.embeddings.position_embeddings.weight", &places)?)?;
    let sum = (sum + rows("bert.embeddings.token_type_embeddings.weight", types)?)?;
    let mut hidden = norm(&sum, "bert.embeddings.LayerNorm")?;
    for layer in (0..LAYERS).map(|layer| format!("bert.encoder.layer.{layer}")) {
        let [query, key, value] =
            ["query", "key", "value"].map(|part| linear(&hidden, &format!("{layer}.attention.self.{part}")));
        let (query, key, value) = (query?, key?, value?);
        let width = SIZE / HEADS;
        let mut heads = Vec::new();
        for head in 0..HEADS {
            let of = |x: &Tensor| x.narrow(1, head * width, width)?.contiguous();
            let scores = (of(&query)?.matmul(&of(&key)?.t()?)? / (width as f64).sqrt())?;
            heads.push(candle_nn::ops::softmax(&scores, 1)?.matmul(&of(&value)?)?);
        }
        let attended = linear(&Tensor::cat(&heads, 1)?, &format!("{layer}.attention.output.dense"))?;
        let attended = norm(&(attended + &hidden)?, &format!("{layer}.attention.output.LayerNorm"))?;
        let wide = linear(&attended, &format!("{layer}.intermediate.dense"))?.gelu_erf()?;
        let narrow = linear(&wide, &format!("{layer}.output.dense"))?;
        hidden = norm(&(narrow + &attended)?, &format!("{layer}.output.LayerNorm"))?;
    }
    let pooled = linear(&hidden.narrow(0, 0, 1)?, "bert.pooler.dense")?.tanh()?;
    linear(&pooled, "classifier")?.flatten_all()?.to_vec1()
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

const TEXTS: [&str; 6] =
    ["the firewall blocks port", "lunch is served late", "port", "", "late late late lunch", "the the the the the"];

/// Ids of the known words between the special tokens, and the types.
fn by_hand(intent: &str, text: &str) -> (Vec<u32>, Vec<u32>) {
    let ids = |text: &str| -> Vec<u32> {
        let id = |word: &str| WORDS.iter().position(|known| *known == word).unwrap();
        text.split_whitespace().map(|word| u32::try_from(id(word)).unwrap()).collect()
    };
    let first = [vec![2], ids(intent), vec![3]].concat();
    let second = [ids(text), vec![3]].concat();
    let types = [vec![0; first.len()], vec![1; second.len()]].concat();
    ([first, second].concat(), types)
}

#[test]
fn it_computes_what_the_definition_says() {
    for labels in [1, 2] {
        let directory = directory(labels);
        let model = CrossEncoder::load(directory.path(), 2).unwrap();
        let weights = weights(labels);
        let found = model.judge("firewall port", &TEXTS, soon()).unwrap();
        let mut seen = Vec::new();
        for (text, found) in TEXTS.iter().zip(found) {
            let (ids, types) = by_hand("firewall port", text);
            let logits = logits(&weights, &ids, &types).unwrap();
            let logit = logits.last().unwrap() - if labels == 2 { logits[0] } else { 0.0 };
            let expected = 1.0 / (1.0 + f64::from(-logit).exp());
            let found = found.unwrap();
            // Word embeddings are kept in half precision.
            assert!((found - expected).abs() < 2e-3, "{text}: {found} {expected}");
            seen.push(expected);
        }
        assert!(seen.iter().any(|p| (p - seen[0]).abs() > 0.05), "the texts do not differ: {seen:?}");
    }
}

#[test]
fn which_text_is_the_second_matters() {
    let directory = directory(1);
    let model = CrossEncoder::load(directory.path(), 1).unwrap();
    let one = model.judge("firewall port", &["lunch late"], soon()).unwrap();
    let other = model.judge("lunch late", &["firewall port"], soon()).unwrap();
    assert!((one[0].unwrap() - other[0].unwrap()).abs() > 1e-4);
}

#[test]
fn past_the_deadline_nothing_is_judged() {
    let directory = directory(1);
    let model = CrossEncoder::load(directory.path(), 2).unwrap();
    assert_eq!(model.judge("firewall", &TEXTS, Instant::now()), Err(TierError::Late));
    assert_eq!(model.judge("firewall", &[], Instant::now()), Ok(Vec::new()));
}

#[test]
fn a_long_text_is_cut_and_still_judged() {
    let directory = directory(1);
    let model = CrossEncoder::load(directory.path(), 1).unwrap();
    let long = "lunch ".repeat(5_000);
    assert!(model.judge("firewall", &[&long], soon()).unwrap()[0].is_some());
    assert!(model.judge(&long, &["firewall"], soon()).unwrap()[0].is_some());
}

#[test]
fn a_model_that_is_no_cross_encoder_is_named() {
    let check = |directory: &Path, expected: &[&str]| {
        let error = CrossEncoder::load(directory, 1).err().unwrap().to_string();
        assert!(expected.iter().all(|part| error.contains(part)), "{error}");
    };
    check(Path::new("no/such/directory"), &["model.safetensors", "it is missing"]);
    let three = directory(3);
    check(three.path(), &["model.safetensors", "one or two labels"]);
    let encoder = directory(1);
    let mut weights = weights(1);
    weights.retain(|name, _| !name.starts_with("classifier"));
    candle_core::safetensors::save(&weights, encoder.path().join("model.safetensors")).unwrap();
    check(encoder.path(), &["classifier"]);
    std::fs::write(encoder.path().join("config.json"), "{").unwrap();
    check(encoder.path(), &["config.json"]);
}
