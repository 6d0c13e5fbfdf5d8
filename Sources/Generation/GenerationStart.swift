import Models

/// Where a text begins: a decoder continues its prompt; an encoder-decoder reads it and begins anew.
struct GenerationStart {
    let ids: [Int32]
    let source: TokenSource?

    init(_ prompt: [Int32], of model: any LanguageModel) {
        let isRead = model.description.kind == .encoderDecoder
        ids = isRead ? [model.description.decoderStart] : prompt
        source = isRead ? TokenSource(readOnce: prompt) : nil
    }
}
