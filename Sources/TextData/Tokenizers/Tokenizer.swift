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

    /// The text of `ids`, special tokens included; bytes that are no UTF-8 become U+FFFD.
    func decode(_ ids: [Int32]) -> String

    /// The text of `ids`, without special tokens where `skipSpecialTokens` says so.
    func decode(_ ids: [Int32], skipSpecialTokens: Bool) -> String

    /// The bytes of `ids`, special tokens included. Ids outside the vocabulary give none.
    func decodeBytes(_ ids: [Int32]) -> [UInt8]

    /// The id of a token as tokenizer.json writes it (`Ġthe`, `<|endoftext|>`).
    func id(of token: String) -> Int32?

    /// The token that ends a text (`eos_token`).
    var endOfText: Int32? { get }

    /// The token that begins a text (`bos_token`).
    var beginOfText: Int32? { get }

    /// The text of tokenizer.json, so that a checkpoint can hold the tokenizer.
    var fileText: String { get }

    /// The text of tokenizer_config.json that goes with ``fileText``.
    var configurationText: String { get }

    /// A hash (FNV-1a) of what decides ids: vocabulary, merges, added tokens, normalizer,
    /// pre-tokenizer and post-processor. Layout and comments of the file do not count.
    var hash: UInt64 { get }
}
