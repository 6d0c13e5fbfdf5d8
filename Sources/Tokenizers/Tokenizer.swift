/// Text to token ids and back.
///
/// A tokenizer never changes after it was made and may be used from several threads at once.
package protocol Tokenizer: Sendable {
    /// One more than the largest id: what an embedding table needs.
    var vocabularySize: Int { get }

    /// The ids of `text`. Special tokens written in the text count as such.
    ///
    /// - Parameter addSpecialTokens: also add what the tokenizer's post-processor puts before and
    ///   after a text (a begin-of-text token, for example).
    func encode(_ text: String, addSpecialTokens: Bool) -> [Int32]

    /// The ids of UTF-8 bytes. Every maximal invalid part is read as U+FFFD, as Rust's
    /// `String::from_utf8_lossy` and Python's `errors="replace"` do.
    func encode(utf8: [UInt8], addSpecialTokens: Bool) -> [Int32]

    /// The ids of `text` without a template's, and where they stand in it.
    func encodeWithOffsets(_ text: String) -> LocatedTokens

    /// The text of `ids`, special tokens included; bytes that are no UTF-8 become U+FFFD.
    func decode(_ ids: [Int32]) -> String

    /// The text of `ids`, without special tokens where `skipSpecialTokens` says so.
    func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String

    /// The bytes of `ids`, special tokens included. Ids outside the vocabulary give none.
    func decodeBytes(_ ids: [Int32]) -> [UInt8]

    /// The id of a token as tokenizer.json writes it (`Ġthe`, `<|endoftext|>`).
    func id(of token: String) -> Int32?

    /// The token of an id as tokenizer.json writes it; `nil` outside the vocabulary.
    func token(of id: Int32) -> String?

    /// The bytes that an id adds to a text, special tokens included; none outside the vocabulary.
    ///
    /// - Parameter position: where the text stands; a new one at its beginning.
    func bytes(of id: Int32, at position: inout DecodingPosition) -> [UInt8]

    /// Whether an id is left out of decoded text on demand.
    func isSpecial(_ id: Int32) -> Bool

    /// The tokens that play a part beyond the text.
    var names: SpecialTokenNames { get }

    /// The tokens matched in the text itself.
    var addedTokens: [AddedToken] { get }

    /// The ids put before and after a text on demand.
    var postProcessor: PostProcessor { get }

    /// The text of tokenizer.json, so that a checkpoint can hold the tokenizer.
    var fileText: String { get }

    /// The text of tokenizer_config.json that goes with ``fileText``.
    var configurationText: String { get }

    /// Files of other programs that hold the same tokenizer, by name: vocab.txt, tokenizer.model.
    var furtherFiles: [String: [UInt8]] { get }

    /// A hash (FNV-1a) of what decides ids: vocabulary, merges, added tokens, normalizer,
    /// pre-tokenizer and post-processor. Layout and comments of the file do not count.
    var hash: UInt64 { get }
}

extension Tokenizer {
    /// The token that ends a text (`eos_token`).
    package var endOfText: Int32? { names.endOfText.flatMap { id(of: $0) } }

    /// The token that begins a text (`bos_token`).
    package var beginOfText: Int32? { names.beginOfText.flatMap { id(of: $0) } }

    /// The token that fills batches up (`pad_token`).
    package var padding: Int32? { names.padding.flatMap { id(of: $0) } }

    /// The token of what the vocabulary lacks (`unk_token`).
    package var unknown: Int32? { names.unknown.flatMap { id(of: $0) } }

    /// The token whose state stands for a whole text (`cls_token`).
    package var classifier: Int32? { names.classifier.flatMap { id(of: $0) } }

    /// The token that ends each text of a pair (`sep_token`).
    package var separator: Int32? { names.separator.flatMap { id(of: $0) } }

    /// The token of what is to be filled in (`mask_token`).
    package var mask: Int32? { names.mask.flatMap { id(of: $0) } }

    /// Whether the token that begins a text is put before it on demand.
    package var addsBeginOfText: Bool {
        beginOfText.map { postProcessor.before.contains($0) } ?? false
    }

    /// Whether the token that ends a text is put after it on demand.
    package var addsEndOfText: Bool {
        endOfText.map { postProcessor.after.contains($0) } ?? false
    }
}
