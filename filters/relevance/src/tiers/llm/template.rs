//! How a model marks who speaks, by the tokens its vocabulary has.
//!
//! GGUF files carry a template in a language of its own; the models that are supported use one of four, and each is
//! known by its tokens.

use tokenizers::Tokenizer;

/// The ways of marking turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Template {
    /// Qwen 2.5, SmolLM2.
    ChatMl,
    /// Qwen 3: as ChatML, and an empty thought says not to think aloud.
    ChatMlThinking,
    /// Llama 3.
    Llama3,
    /// Gemma: no turn for the system.
    Gemma,
    /// A model without turns.
    Plain,
}

impl Template {
    pub(super) fn of(tokenizer: &Tokenizer) -> Self {
        let has = |token: &str| tokenizer.token_to_id(token).is_some();
        match () {
            () if has("<|im_start|>") && has("<think>") => Self::ChatMlThinking,
            () if has("<|im_start|>") => Self::ChatMl,
            () if has("<|start_header_id|>") => Self::Llama3,
            () if has("<start_of_turn>") => Self::Gemma,
            () => Self::Plain,
        }
    }

    /// What stands before the system's words, before the user's, and before the answer.
    pub(super) fn parts(self) -> [&'static str; 3] {
        match self {
            Self::ChatMl => {
                ["<|im_start|>system\n", "<|im_end|>\n<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"]
            }
            Self::ChatMlThinking => [
                "<|im_start|>system\n",
                "<|im_end|>\n<|im_start|>user\n",
                "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
            ],
            Self::Llama3 => [
                "<|start_header_id|>system<|end_header_id|>\n\n",
                "<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n",
                "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n",
            ],
            Self::Gemma => ["<start_of_turn>user\n", "\n\n", "<end_of_turn>\n<start_of_turn>model\n"],
            Self::Plain => ["", "\n\n", "\nAnswer:"],
        }
    }

    /// The token with which a text begins, where there is one.
    pub(super) fn bos(self, tokenizer: &Tokenizer) -> Vec<u32> {
        let name = match self {
            Self::ChatMl | Self::ChatMlThinking => return Vec::new(),
            Self::Llama3 => "<|begin_of_text|>",
            Self::Gemma => "<bos>",
            Self::Plain => "<s>",
        };
        tokenizer.token_to_id(name).into_iter().collect()
    }
}
