/// What AutoTokenizer knows of models and classes. Source: transformers 5.23,
/// models/auto/tokenization_auto.py, `TOKENIZER_MAPPING_NAMES` and
/// `MODELS_WITH_INCORRECT_HUB_TOKENIZER_CLASS`; of the former the entries of the classes known here.
extension TokenizerClass {
    /// The class that is registered for a `model_type`.
    static let registered: [String: String] = {
        var classes: [String: String] = [:]
        for (name, models) in models {
            for model in words(models) { classes[model] = name }
        }
        return classes
    }()

    /// Models whose `tokenizer_class` is not believed.
    static let incorrect = Set(
        words(
            """
            arctic camembertv2-base chatlm cohere_asr ernie4_5 ernie4_5_moe fuyu h2ovl_chat
            hyperclovax hyperclovax_vision_v2 hyperclovax_vlm internlm2 internlm3 iquestcoder
            jamba llava llava_next minicpm3 minicpmv minimax_m2 modernbert modernbert-decoder
            molmo molmo2 nemotron nvfp4 opencua openvla paddleocr_vl phi3 phi3_v phimoe qwen2
            qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen4_exp siglip2 smolvlm step3_vl vipllava
            """))

    /// Classes with rules of their own that are not known here.
    static let others = Set(
        words(
            """
            Barthez BigBird Blenderbot CLIP Camembert CodeLlama
            DPRQuestionEncoder Deberta DebertaV2 Esmc FNet Funnel Herbert Lasr LayoutLMv2
            LayoutLMv3 LayoutXLM Luke MBart50 MBart MarkupLM Mvp Nllb Nougat OpenAIGPT Pegasus
            Reformer RemBert RoFormer SeamlessM4T Siglip2 Splinter Udop VideoPrism Whisper XGLM
            XLNet
            """
        ).map { $0 + "Tokenizer" })

    /// Further names of classes.
    static let aliases: [String: String] = {
        var names: [String: String] = [:]
        for name in words("Electra DistilBert LayoutLM MobileBert SqueezeBert Lxmert") {
            names[name + "Tokenizer"] = bert.rawValue
        }
        for name in words("Longformer Bart LED") {
            names[name + "Tokenizer"] = roberta.rawValue
        }
        return names
    }()

    private static func words(_ text: String) -> [String] {
        text.split { $0 == " " || $0 == "\n" }.map(String.init)
    }

    private static let models: [(name: String, models: String)] = [
        (
            "TokenizersBackend",
            """
            EvollaModel arctic aria beam bigbird_pegasus camembertv2-base canary chatlm
            cohere_asr ernie4_5 ernie4_5_moe flex_olmo fuyu glm glm4 glm4_moe glm4_moe_lite
            glm4v glm4v_moe glm_image glmasr got_ocr2 gpt_bigcode gradium_phonon_tts granite
            granitemoe granitemoehybrid granitemoeshared h2ovl_chat hyperclovax hyperclovax_vlm
            internlm2 internlm3 iquestcoder jamba kimi_k25 kimi_linear kosmos-2 llava llava_next
            mimo_v2_flash minicpm3 minicpm_ocr minicpmv minicpmv4_6 minicpmv4_7 minimax_m2
            ministral ministral3 mistral mistral3 mistral_large4 mixtral modernbert
            modernbert-decoder molmo molmo2 nemo_speechlm nemotron nvfp4 nystromformer olmo2
            olmo3 olmo_hybrid opencua openvla paddleocr_vl pegasus_x persimmon phi3 phi3_v
            phimoe pix2struct pixtral pocket_tts smolvlm stablelm step3_vl umt5 vipllava voxtral
            voxtral_realtime xlm-roberta-xl
            """
        ),
        (
            "Qwen2Tokenizer",
            """
            audioflamingo3 colqwen2 cosmos3_omni dots3_note fun_asr_nano hunyuan_vl internvl
            lighton_ocr moss_transcribe_diarize ovis2 qianfan_ocr qwen2 qwen2_5_omni qwen2_5_vl
            qwen2_audio qwen2_moe qwen2_vl qwen3 qwen3_asr qwen3_moe qwen3_next qwen3_omni_moe
            qwen3_vl qwen3_vl_moe vibevoice
            """
        ),
        (
            "CohereTokenizer",
            """
            aya_vision cohere cohere2
            """
        ),
        (
            "GPT2Tokenizer",
            """
            blip-2 codegen dbrx emu3 gpt2 gpt_neo gptj hyperclovax_vision_v2 instructblip
            instructblipvideo jais2 opt phi starcoder2
            """
        ),
        (
            "GemmaTokenizer",
            """
            diffusion_gemma gemma gemma2 gemma3 gemma3_text gemma3n gemma3n_text recurrent_gemma
            shieldgemma2 t5gemma zaya
            """
        ),
        (
            "GPTNeoXTokenizer",
            """
            falcon_mamba gpt_neox mamba mamba2 mpt olmo olmoe rwkv xlstm
            """
        ),
        (
            "BertTokenizer",
            """
            align bark bert blip bros chinese_clip convbert distilbert electra ernie flava git
            grounding-dino layoutlm megatron-bert mm-grounding-dino nezha nomic_bert qdqbert
            realm retribert squeezebert tvp vilt visual_bert
            """
        ),
        (
            "RobertaTokenizer",
            """
            bart bridgetower clap data2vec-text ibert lilt longformer mega mra roberta
            roberta-prelayernorm
            """
        ),
        (
            "XLMRobertaTokenizer",
            """
            gte jina_embeddings_v3 metaclip_2 trocr xlm-roberta xmod
            """
        ),
        (
            "T5Tokenizer",
            """
            mt5 musicgen musicgen_melody switch_transformers t5
            """
        ),
        (
            "AlbertTokenizer",
            """
            albert
            """
        ),
        (
            "MPNetTokenizer",
            """
            mpnet
            """
        ),
        (
            "LlamaTokenizer",
            """
            idefics idefics2
            """
        ),
        (
            "Qwen3_5Tokenizer",
            """
            qwen3_5 qwen3_5_moe qwen3_5_moe_text qwen3_5_text qwen4_exp
            """
        ),
    ]
}
