import Checkpoints
package import Files
import Foundation
package import Serving

/// The checkpoints of a run, with what is known of each.
package struct CheckpointList: Sendable {
    /// What verifying told: a file in the run's folder, so that it is not done anew.
    static let fileName = ".board_verified.json"

    package struct Entry: Sendable, Equatable {
        package let name: String
        package let step: Int
        package let bytes: Int
        /// The last training and evaluation losses logged up to its step.
        package var loss: Double?
        package var evaluationLoss: Double?
        /// Whether every byte was sound when it was last looked at, if the file is still that one.
        package var isVerified: Bool?
        package var problem: String?

        package var json: JSONValue {
            .object([
                ("name", .string(name)), ("step", .int(step)), ("bytes", .int(bytes)),
                ("loss", loss.map(JSONValue.double) ?? .null),
                ("eval_loss", evaluationLoss.map(JSONValue.double) ?? .null),
                ("verified", isVerified.map { .bool($0) } ?? .null),
                ("problem", problem.map { .string($0) } ?? .null),
            ])
        }
    }

    private let folder: RunFolder

    package init(_ folder: RunFolder) { self.folder = folder }

    /// The newest first.
    package func entries(steps: [JSONValue]) -> [Entry] {
        let manager = FileManager.default
        let names = (try? manager.contentsOfDirectory(atPath: folder.path)) ?? []
        let known = verified
        return names.compactMap { name -> Entry? in
            guard let step = Self.step(of: name) else { return nil }
            let bytes = size(name)
            var entry = Entry(name: name, step: step, bytes: bytes)
            let past = steps.filter { ($0["current_steps"]?.integer ?? .max) <= step }
            entry.loss = past.compactMap { $0["loss"]?.double }.last
            entry.evaluationLoss = past.compactMap { $0["eval_loss"]?.double }.last
            if let found = known[name], found["mark"]?.string == mark(name) {
                entry.problem = found["problem"]?.string
                entry.isVerified = entry.problem == nil
            }
            return entry
        }.sorted { $0.step > $1.step }
    }

    /// The step of `checkpoint-N.h5`.
    package static func step(of name: String) -> Int? {
        guard name.hasPrefix("checkpoint-"), name.hasSuffix(".h5") else { return nil }
        return Int(name.dropFirst("checkpoint-".count).dropLast(".h5".count))
    }

    /// The path of a checkpoint by its name.
    ///
    /// - Throws: 404 where the run has none of that name.
    package func path(_ name: String) throws(ServerProblem) -> String {
        let path = folder.path + "/" + name
        guard Self.step(of: name) != nil, !name.contains("/"),
            FileManager.default.fileExists(atPath: path)
        else { throw ServerProblem(404, "the run has no checkpoint '\(name)'") }
        return path
    }

    /// Reads a checkpoint against its checksums and notes what came of it.
    package func verify(_ name: String) throws(ServerProblem) -> String? {
        let mark = mark(name)
        let problem = CheckpointInspection(path: try path(name)).verify().first.map { "\($0)" }
        let entry = JSONValue.object([
            ("mark", .string(mark)), ("problem", problem.map { .string($0) } ?? .null),
        ])
        let all = verified.filter {
            FileManager.default.fileExists(atPath: folder.path + "/" + $0.key)
        }
        .merging([name: entry]) { $1 }
        let members = all.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) }
        try BoardFile.write(
            JSONValue.object(members).text() + "\n", to: folder.path + "/" + Self.fileName)
        return problem
    }

    /// What a checkpoint holds, a line each.
    package func lines(of name: String) throws(ServerProblem) -> [String] {
        let inspection = CheckpointInspection(path: try path(name))
        do throws(CheckpointError) {
            return try inspection.lines()
        } catch {
            throw .invalid("\(error)")
        }
    }

    private var verified: [String: JSONValue] {
        guard let bytes = try? RegularFile.bytes(folder.path + "/" + Self.fileName),
            let members = (try? JSONValueReader.read(bytes[...]))?.members
        else { return [:] }
        return Dictionary(members.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
    }

    private func size(_ name: String) -> Int {
        let attributes = try? FileManager.default.attributesOfItem(atPath: folder.path + "/" + name)
        return (attributes?[.size] as? NSNumber)?.intValue ?? 0
    }

    /// Another for a file that was written anew.
    private func mark(_ name: String) -> String {
        let attributes = try? FileManager.default.attributesOfItem(atPath: folder.path + "/" + name)
        let date = (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
        return "\(size(name)) \(date)"
    }
}
