//! The tokenizer of a model: the `tokenizer.json` beside the weights, or what the GGUF file says.
//!
//! candle reads the latter, knows few of the names that files give to their way of splitting words, and puts a space before
//! every text where it knows none; that is put right here.

use std::path::Path;

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::quantized::tokenizer::TokenizerFromGguf as _;
use tokenizers::Tokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;

/// Where a GGUF file says how words are split.
const SPLITTER: &str = "tokenizer.ggml.pre";

/// The tokenizer of the model in `file`.
pub(super) fn tokenizer(file: &Path, content: &mut Content) -> Result<Tokenizer, String> {
    let beside = file.with_file_name("tokenizer.json");
    if beside.is_file() {
        return Tokenizer::from_file(&beside).map_err(|e| format!("`{}`: {e}", beside.display()));
    }
    let splitter = match content.metadata.get_mut(SPLITTER) {
        Some(Value::String(name)) => {
            // What llama.cpp calls the splitter of Llama 3.
            if name == "llama-bpe" {
                "llama3".clone_into(name);
            }
            name.clone()
        }
        _ => String::new(),
    };
    let mut tokenizer = Tokenizer::from_gguf(content)
        .map_err(|e| format!("its tokenizer cannot be read ({e}); put the model's `tokenizer.json` beside it"))?;
    let bytes = ByteLevel::new(false, true, true);
    match splitter.as_str() {
        "qwen2" | "llama3" | "smaug-bpe" | "lfm2" => {}
        "smollm" => {
            let parts = vec![Digits::new(true).into(), bytes.into()];
            tokenizer.with_pre_tokenizer(Some(Sequence::new(parts)));
        }
        _ => {
            tokenizer.with_pre_tokenizer(Some(bytes));
        }
    }
    Ok(tokenizer)
}
