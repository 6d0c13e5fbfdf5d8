import Configuration
import Distributed
import Files
import Foundation
import ModelFiles
import Reports

/// Log-probabilities of answers under one reference, kept for later runs: `reference-ID.jsonl`, a line an
/// answer. ID stands for what decides them besides an answer's ids: the reference's ``ModelOrigin``. The ids stand
/// for row, template and `cutoff_len`.
struct ReferenceFile {
    let path: String
    /// By what stands for an answer.
    private(set) var known: [UInt64: Double] = [:]

    /// - Parameter reads: whether this rank reads what is there; others only name the file.
    /// - Throws: ``TrainingError/user(_:)`` for a file that no run has written.
    init(
        _ configuration: RunConfiguration, _ setup: ModelSetup, reads: Bool
    ) throws(TrainingError) {
        let folder =
            configuration.preference.referencePath
            ?? (configuration.output.outputDir ?? ".") + "/reference"
        guard reads else {
            path = folder
            return
        }
        path = try folder + "/reference-\(Self.identity(configuration, setup)).jsonl"
        guard FileManager.default.fileExists(atPath: path) else { return }
        try read()
    }

    private mutating func read() throws(TrainingError) {
        guard let data = RegularFile.contents(path) else {
            throw .user("\(path): cannot be read; check its permissions")
        }
        for (number, line) in data.split(separator: UInt8(ascii: "\n")).enumerated() {
            let value = try? JSONValueReader.read([UInt8](line)[...])
            guard let answer = value?["answer"]?.string.flatMap({ UInt64($0, radix: 16) }),
                let sum = value?["logp"]?.double, sum.isFinite
            else {
                throw .user(
                    "\(path) line \(number + 1): found no log-probability of an answer, expected "
                        + "{\"answer\": \"…\", \"logp\": …}; remove the file, and the run computes "
                        + "them anew")
            }
            known[answer] = sum
        }
    }

    /// Writes what is known, with what others have written meanwhile.
    func write(_ sums: [UInt64: Double]) throws(TrainingError) {
        var file = self
        if FileManager.default.fileExists(atPath: path) { try file.read() }
        let all = file.known.merging(sums) { $1 }
        let lines = all.sorted { $0.key < $1.key }.map { answer, sum in
            JSONValue.object([
                ("answer", .string(String(answer, radix: 16))), ("logp", .double(sum)),
            ]).text() + "\n"
        }
        do throws(ReportError) {
            try ReportFile.write(Data(lines.joined().utf8), to: path)
        } catch {
            throw .user("precompute_ref_path: \(error)")
        }
    }

    // MARK: Identity

    /// Stands for what decides the reference's numbers, by the content of its files.
    private static func identity(
        _ configuration: RunConfiguration, _ setup: ModelSetup
    ) throws(TrainingError) -> String {
        let origin = try ofModelFiles { () throws(ModelFileError) in
            try configuration.preference.refModel.map { place throws(ModelFileError) in
                try configuration.reference(at: place).origin()
            } ?? setup.origin
        }
        var fingerprint = Fingerprint()
        for file in origin.files {
            let data = try? Data(contentsOf: URL(fileURLWithPath: file), options: .alwaysMapped)
            if let data { fingerprint.add(data) }
        }
        for setting in origin.settings { fingerprint.add(Data(setting.utf8)) }
        return fingerprint.text
    }
}
