extension ChatTemplate {
    /// All templates for text, by LLaMA-Factory's names.
    ///
    /// Slots, stop words and defaults are those of LLaMA-Factory 0.9.5's register; baichuan2's are
    /// those of 0.9.3, the last release that has it. Templates of models that read images, too,
    /// stand here where the models are trained on text alone.
    package static let table: [ChatTemplate] =
        plainWords + plainWordsOfMakers + chatMLTemplates + qwenTemplates + headerTemplates
        + mistralTemplates + gemmaTemplates + glmTemplates + roleTokens + roleTokensOfMakers

    /// Names that LLaMA-Factory registers for models of images, video or sound, and what their
    /// rows need.
    static let mediaTemplates: [String: String] = {
        var needs: [String: String] = [:]
        for name in [
            "dots_ocr", "ernie_vl", "gemma4", "glm4v", "glm4_5v", "glm_ocr", "granite3_vision",
            "intern_vl", "intern_s1", "keye_vl", "kimi_vl", "lfm2_vl", "mllama", "llava",
            "llava_next", "llava_next_llama3", "llava_next_mistral", "llava_next_qwen",
            "llava_next_yi", "llava_next_video", "llava_next_video_mistral", "llava_next_video_yi",
            "mimo_vl", "minicpm_v", "minicpm_v_4_6", "ministral3", "paligemma", "paligemma_chat",
            "pixtral", "qwen2_vl", "qwen3_vl", "qwen3_vl_nothink", "video_llava", "yi_vl",
            "youtu_vl",
        ] {
            needs[name] = "images"
        }
        for name in [
            "gemma3n", "gemma4n", "minicpm_o", "qwen2_omni", "qwen3_omni",
            "qwen3_omni_nothink",
        ] {
            needs[name] = "images and audio"
        }
        needs["qwen2_audio"] = "audio"
        return needs
    }()
}
