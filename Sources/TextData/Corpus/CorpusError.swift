package import Datasets
package import Files
import Foundation

/// What can go wrong between a corpus and a batch: one line each, saying what was found, what was
/// expected, where, and what to do.
package enum CorpusError: Error, Equatable, Sendable {
    /// A path or pattern given as input names nothing.
    case noInput(String)
    /// Inputs were found, but no document in them holds a letter.
    case emptyCorpus(String)
    /// A file is of a kind that cannot be read as text.
    case unsupportedFile(file: String, kind: String)
    /// A text file is encoded as UTF-16.
    case utf16(file: String)
    /// A record of a JSON or JSON Lines file is not what it should be.
    case badRecord(file: String, place: String, problem: String)
    /// A compressed file ends early or does not decode.
    case damaged(file: String, format: String, problem: String)
    /// A setting has a value that makes no sense.
    case setting(name: String, found: String, expected: String)
    /// The tokenizer produced an id outside its vocabulary.
    case tokenOutOfRange(id: Int32, vocabularySize: Int, file: String)
    /// An input file changed while it was being prepared.
    case changedInput(file: String)
    /// A preparation has units without a complete shard.
    case incomplete(folder: String, missing: Int, units: Int, first: String)
    /// A path given as tokenized data holds none.
    case noDataset(path: String, problem: String)
    /// dataset.json cannot be understood.
    case manifest(file: String, problem: String)
    /// A token file starts with bytes of no known format.
    case wrongMagic(file: String, found: String)
    /// A token file has a version that is not known here.
    case unsupportedVersion(file: String, found: Int, newest: Int)
    /// A shard's header contradicts itself or its checksum.
    case damagedHeader(file: String, problem: String)
    /// A token file is shorter or longer than its header says.
    case size(file: String, expected: Int, found: Int)
    /// A shard's payload does not have the checksum that its header records.
    case checksum(file: String, expected: UInt32, found: UInt32)
    /// A shard is not the one that dataset.json lists.
    case changedShard(file: String)
    /// Token ids reach beyond the model's vocabulary.
    case vocabularyMismatch(file: String, largest: Int, vocabularySize: Int)
    /// There are too few tokens for a single sample.
    case tooFewTokens(path: String, tokens: Int, sampleTokens: Int)
    /// A held-out part leaves nothing to train on, or is not a number of samples.
    case heldOut(valSize: Double, samples: Int)
    /// A call to the operating system failed.
    case system(call: String, code: Int32, file: String)
    /// A file is none of bytes, or was cut off while it was read.
    case file(FileProblem)
    /// A token file holds an id that it cannot hold.
    case idOutOfRange(file: String, place: Int, id: Int, largest: Int)
    /// A row of instructions that is read while training cannot be used.
    case instructions(ConversationError)
    /// Completions could not be made or rated, on all ranks or on this one alone.
    case rollout(String, isOfOneRank: Bool)
    /// A batch was asked for after the stream had been stopped.
    case stopped
}

extension CorpusError {
    /// Whether it is met while batches are read, and by this rank alone: a file that has changed, or a
    /// disk that fails. Other errors all ranks have alike.
    package var isOfOneRank: Bool {
        switch self {
        case .file, .idOutOfRange, .system: true
        case .rollout(_, let isOfOneRank): isOfOneRank
        default: false
        }
    }
}

extension CorpusError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .instructions(let error): error.description
        case .rollout(let problem, _): problem
        case .file(let problem): problem.message
        case .idOutOfRange(let file, let place, let id, let largest):
            "\(file): id \(id) at place \(place), but \(largest) is the largest that it may hold; "
                + "the file is damaged or was changed while it was being read, prepare it again"
        case .noInput(let pattern):
            "input \(pattern): no such file or folder, and no file matches it as a pattern; "
                + "check the path"
        case .emptyCorpus(let inputs):
            "empty corpus: no document with a letter in \(inputs); expected text in .txt, .jsonl "
                + "or .json files (.gz, .zst and .dz too)"
        case .unsupportedFile(let file, let kind):
            "\(file): \(kind) is not read here; convert it to .txt or .jsonl "
                + "(.gz and .zst may follow)"
        case .utf16(let file):
            "\(file): UTF-16 text found, UTF-8 expected; convert it, "
                + "for example with iconv -f UTF-16 -t UTF-8"
        case .badRecord(let file, let place, let problem):
            "\(file), \(place): \(problem)"
        case .damaged(let file, let format, let problem):
            "\(file): \(problem); expected a whole \(format) stream, so copy or download it again"
        case .setting(let name, let found, let expected):
            "\(name): \(found) found, \(expected) expected"
        case .tokenOutOfRange(let id, let vocabularySize, let file):
            "\(file): the tokenizer gave id \(id), but its vocabulary has \(vocabularySize) "
                + "entries; check the tokenizer's files"
        case .changedInput(let file):
            "\(file): changed while it was being read; run lockstep prepare again"
        case .incomplete(let folder, let missing, let units, let first):
            "\(folder): \(missing) of \(units) shards are missing, the first is \(first); "
                + "run lockstep prepare again, it continues"
        case .noDataset(let path, let problem):
            "\(path): \(problem); expected a folder written by lockstep prepare, or a token file "
                + "of nanoGPT or llm.c (.bin)"
        case .manifest(let file, let problem):
            "\(file): \(problem); run lockstep prepare again"
        case .wrongMagic(let file, let found):
            "\(file): starts with \(found), which is no token file known here; expected a shard of "
                + "lockstep prepare (LSTKSHRD) or a .bin of nanoGPT or llm.c"
        case .unsupportedVersion(let file, let found, let newest):
            "\(file): version \(found) found, at most \(newest) expected; "
                + "prepare it again with this program"
        case .damagedHeader(let file, let problem):
            "\(file): damaged header, \(problem); delete the file and run lockstep prepare again"
        case .size(let file, let expected, let found):
            "\(file): \(found < expected ? "truncated" : "too long"), \(expected) bytes expected "
                + "by its header, \(found) found; delete the file and prepare it again"
        case .checksum(let file, let expected, let found):
            "\(file): damaged, checksum \(hexadecimal(expected)) expected, \(hexadecimal(found)) "
                + "found; delete the file and run lockstep prepare again"
        case .changedShard(let file):
            "\(file): not the shard that dataset.json lists; run lockstep prepare again"
        case .vocabularyMismatch(let file, let largest, let vocabularySize):
            "vocabulary mismatch: \(file) holds ids up to \(largest), but the model's vocabulary "
                + "has \(vocabularySize); use the tokenizer that the data was prepared with"
        case .tooFewTokens(let path, let tokens, let sampleTokens):
            "\(path): \(tokens) tokens found, at least \(sampleTokens + 1) expected for one sample "
                + "of cutoff_len \(sampleTokens); add text or lower cutoff_len"
        case .heldOut(let valSize, let samples):
            "val_size: \(valSize) found with \(samples) samples"
                + ", expected a fraction below 1 or a whole number of samples below \(samples)"
        case .system(let call, let code, let file):
            "\(file): \(call) failed: \(String(cString: strerror(code)))\(advice(for: code))"
        case .stopped:
            "the batch stream was stopped; make a new one to go on"
        }
    }

    /// What `body` gives; its problem as an error of this room.
    static func ofFile<Value>(
        _ body: () throws(FileProblem) -> Value
    ) throws(CorpusError) -> Value {
        do {
            return try body()
        } catch {
            switch error {
            case .system(let call, let code, let file):
                throw .system(call: call, code: code, file: file)
            case .changed(let file): throw .changedInput(file: file)
            case .damaged(let file, let format, let problem):
                throw .damaged(file: file, format: format, problem: problem)
            default: throw .file(error)
            }
        }
    }

    /// What to do about the commonest system errors.
    private func advice(for code: Int32) -> String {
        switch code {
        case ENOSPC, EDQUOT: "; free space or choose another folder"
        case EACCES, EPERM, EROFS: "; check the permissions or choose another folder"
        case ENOENT: "; check the path"
        default: ""
        }
    }

    private func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}

extension CorpusError {
    /// Whether the machine is at fault, as where a disk is full, not what a user named.
    package var isOfMachine: Bool {
        switch self {
        case .system(_, let code, _): FileProblem.isOfMachine(code)
        case .file(let problem): problem.isOfMachine
        default: false
        }
    }
}
