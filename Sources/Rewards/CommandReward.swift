import Files
import Foundation
import Synchronization

/// Scores by a program of the user's, one process that lives as long as the run: a line of JSON in,
/// `{"prompt": …, "completion": …, "answer": …, "row": n}`, and a line out, `{"score": 0.5}` or null.
package final class CommandReward: Reward {
    private let command: String
    private let timeout: Double
    private let child = Mutex<ChildProcess?>(nil)

    /// - Parameters:
    ///   - command: as a shell reads it.
    ///   - timeout: seconds for one answer.
    package init(_ command: String, timeout: Double) {
        self.command = command
        self.timeout = timeout
    }

    package func scores(of items: [RewardItem]) throws(RewardError) -> [Double?] {
        var scores: [Double?] = []
        for item in items { scores.append(try score(of: item)) }
        return scores
    }

    private func score(of item: RewardItem) throws(RewardError) -> Double? {
        let row = "row \(item.row) (\(item.place))"
        let line = JSONValue.object([
            ("prompt", .string(item.prompt)), ("completion", .string(item.completion)),
            ("answer", item.answer.map(JSONValue.string) ?? .null), ("row", .int(item.row)),
        ]).text()
        let answer: String
        do throws(ChildProcess.Failure) {
            let process = try process()
            try process.write(line + "\n")
            answer = try process.line(within: timeout)
        } catch {
            stop()
            throw .program(command, problem: "\(error.description) at \(row)")
        }
        guard let value = try? JSONValueReader.read(Array(answer.utf8)[...]) else {
            throw .program(command, problem: Self.problem(answer, row))
        }
        if case .null = value { return nil }
        if case .null? = value["score"] { return nil }
        guard let score = value["score"]?.double, score.isFinite else {
            throw .program(command, problem: Self.problem(answer, row))
        }
        return score
    }

    private static func problem(_ answer: String, _ row: String) -> String {
        "answered '\(JSONValue.shortened(answer))' at \(row), expected a line {\"score\": number} or "
            + "null"
    }

    private func process() throws(ChildProcess.Failure) -> ChildProcess {
        let known = child.withLock { $0 }
        if let known { return known }
        let new = try ChildProcess(command)
        child.withLock { $0 = new }
        return new
    }

    package func stop() {
        let old = child.withLock { child in
            defer { child = nil }
            return child
        }
        old?.end()
    }

    deinit { stop() }
}
