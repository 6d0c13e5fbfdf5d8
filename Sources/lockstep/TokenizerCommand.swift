import ArgumentParser
import Foundation
import ModelFiles
import TokenizerTraining
import Tokenizers
import Training

/// `lockstep tokenizer train|encode|decode`
struct TokenizerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenizer",
        abstract: "Trains tokenizers, and turns text into ids and back.",
        subcommands: [Train.self, Encode.self, Decode.self])

    /// Learns a vocabulary from files.
    struct Train: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Learns a vocabulary from text files: byte-level BPE, WordPiece, Unigram or "
                + "SentencePiece's BPE with byte fallback.")

        @Option(
            parsing: .upToNextOption,
            help: "Text files (.txt, .jsonl, .gz, .zst), folders, patterns.")
        var input: [String]

        @Option(help: "Tokens of the vocabulary, bytes, special tokens and sentinels included.")
        var vocabSize: Int

        @Option(
            help: "The kind: bpe, wordpiece (BERT's), unigram (T5's), sentencepiece-bpe (Llama's).")
        var type = "bpe"

        @Option(
            help: "How often a pair must occur to become a token (bpe: 0, wordpiece: 2).")
        var minFrequency: Int?

        @Option(help: "wordpiece: this many characters become tokens, the rarer ones do not.")
        var limitAlphabet: Int?

        @Flag(
            inversion: .prefixedNo,
            help: "wordpiece: make texts lower case and take accents off (as without a word).")
        var lowercase: Bool?

        @Option(
            help: "unigram, sentencepiece-bpe: the share of characters that are tokens (0.9995).")
        var characterCoverage: Double?

        @Option(
            help: """
                unigram, sentencepiece-bpe: what is done to texts first: identity or nmt_nfkc \
                (nmt_nfkc).
                """)
        var normalization: String?

        @Option(help: "unigram: tokens <extra_id_N> for span corruption (100).")
        var sentinels: Int?

        @Option(help: "Threads that count words; as many as there are cores without.")
        var threads: Int?

        @Option(help: "The folder for tokenizer.json and what belongs to it.")
        var output: String

        func run() throws {
            guard let kind = TokenizerKind(rawValue: type) else {
                let known = TokenizerKind.allCases.map(\.rawValue).joined(separator: ", ")
                Failure.end(mistake: "--type: found '\(type)', expected one of \(known)")
            }
            if let threads, threads < 1 {
                Failure.end(mistake: "--threads: found \(threads), expected 1 or more")
            }
            var options = TokenizerOptions()
            options.minimumFrequency = minFrequency
            options.alphabetLimit = limitAlphabet
            options.lowercases = lowercase
            options.coverage = characterCoverage
            options.sentinels = sentinels
            if let normalization {
                guard let rule = SentencePieceNormalization(rawValue: normalization) else {
                    let known = SentencePieceNormalization.allCases.map(\.rawValue)
                    Failure.end(
                        mistake: "--normalization: found '\(normalization)', expected one of "
                            + known.joined(separator: ", "))
                }
                options.normalization = rule
            }
            do throws(TrainingError) {
                try TokenizerTrainingRun(
                    inputs: input, kind: kind, vocabularySize: vocabSize, options: options,
                    threads: threads, output: output
                ).run { Failure.say($0) }
            } catch {
                Failure.end(error)
            }
        }
    }

    /// Lines of text to lines of ids.
    struct Encode: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Reads lines of text, writes lines of ids.")

        @Option(
            help: "The folder of the tokenizer, its tokenizer.json, a .gguf file, or a checkpoint.")
        var tokenizer: String

        @Flag(help: "Add what the tokenizer puts before and after a text.")
        var addSpecialTokens = false

        @Flag(help: "Write JSON: ids, and where each token stands in its line, in code points.")
        var offsets = false

        @Flag(help: "Say how many tokens a second came out, reading and writing included.")
        var timing = false

        func run() throws {
            let tokenizer = loadTokenizer(tokenizer)
            let begun = ContinuousClock.now
            var (lines, tokens) = (0, 0)
            StandardLines.map { line, output in
                lines += 1
                if offsets {
                    let line = String(decoding: line, as: UTF8.self)
                    output += located(line, by: tokenizer, &tokens).utf8
                    return
                }
                let ids = tokenizer.encode(utf8: line, addSpecialTokens: addSpecialTokens)
                tokens += ids.count
                for (place, id) in ids.enumerated() {
                    if place > 0 { output.append(UInt8(ascii: " ")) }
                    Self.append(id, to: &output)
                }
            }
            if timing {
                let seconds = max((ContinuousClock.now - begun) / .seconds(1), 1e-9)
                Failure.say(
                    String(
                        format: "%d lines, %d tokens in %.2f s, %.0f tokens/s", lines, tokens,
                        seconds, Double(tokens) / seconds))
            }
        }

        /// Adds the digits of an id.
        private static func append(_ id: Int32, to output: inout [UInt8]) {
            if id >= 10 { append(id / 10, to: &output) }
            output.append(UInt8(ascii: "0") + UInt8(id % 10))
        }

        private func located(
            _ line: String, by tokenizer: any Tokenizer, _ count: inout Int
        ) -> String {
            let tokens = tokenizer.encodeWithOffsets(line)
            do throws(TokenizerError) {
                let encoded = try tokenizer.assemble(
                    tokens.ids, addSpecialTokens: addSpecialTokens)
                count += encoded.ids.count
                let offsets = tokenizer.offsets(of: encoded, tokens)
                let places = offsets.map { "[\($0.start),\($0.end)]" }.joined(separator: ",")
                let ids = encoded.ids.map(String.init).joined(separator: ",")
                return "{\"ids\":[\(ids)],\"offsets\":[\(places)]}"
            } catch {
                Failure.end(mistake: "\(error)")
            }
        }
    }

    /// Lines of ids to lines of text.
    struct Decode: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Reads lines of ids, writes lines of text.")

        @Option(
            help: "The folder of the tokenizer, its tokenizer.json, a .gguf file, or a checkpoint.")
        var tokenizer: String

        func run() throws {
            let tokenizer = loadTokenizer(tokenizer)
            var number = 0
            StandardLines.map { line, output in
                number += 1
                let words = String(decoding: line, as: UTF8.self).split(separator: " ")
                let ids = words.compactMap { Int32($0) }
                guard ids.count == words.count else {
                    let wrong = words.first { Int32($0) == nil } ?? ""
                    Failure.end(
                        mistake: "line \(number): found '\(wrong)', expected ids separated by "
                            + "spaces")
                }
                if let id = ids.first(where: { tokenizer.token(of: $0) == nil }) {
                    Failure.end(
                        mistake: "line \(number): id \(id) is not in the vocabulary of "
                            + "\(tokenizer.vocabularySize)")
                }
                output += tokenizer.decode(ids).utf8
            }
        }
    }
}

/// The tokenizer at `path`; ends the command where there is none.
private func loadTokenizer(_ path: String) -> any Tokenizer {
    do {
        return try ModelSource.tokenizer(at: path)
    } catch {
        Failure.end(.modelFile(error))
    }
}

/// Standard input and output by lines of bytes.
enum StandardLines {
    /// Writes a line for each line read. Only the newline ends a line; the last may lack it.
    ///
    /// - Parameter transform: adds what is written for a line, without its end
    static func map(_ transform: (_ line: [UInt8], _ output: inout [UInt8]) -> Void) {
        let input = FileHandle.standardInput
        let output = TextOutput()
        let lineEnd = UInt8(ascii: "\n")
        var rest: [UInt8] = []
        var written: [UInt8] = []
        while case let data = input.availableData, !data.isEmpty {
            rest.append(contentsOf: data)
            written.removeAll(keepingCapacity: true)
            var start = 0
            while let end = rest[start...].firstIndex(of: lineEnd) {
                transform(Array(rest[start..<end]), &written)
                written.append(lineEnd)
                start = end + 1
            }
            rest.removeFirst(start)
            guard output.write(written) || written.isEmpty else { return }
        }
        guard !rest.isEmpty else { return }
        written.removeAll()
        transform(rest, &written)
        written.append(lineEnd)
        output.write(written)
    }
}
