package import Files
import Foundation

extension RunFolder {
    /// What a list shows of the run.
    package func summary(name: String, job: String? = nil) -> JSONValue {
        let steps = steps
        let training = steps.last { $0["loss"]?.double != nil }
        let trial = steps.last { $0["eval_loss"]?.double != nil }
        let last = steps.last
        let state = state(job: job)
        var members: [JSONValue.Member] = [
            ("name", .string(name)), ("state", .string(state.rawValue)),
            ("task", .string(record?.task.rawValue ?? BoardForm.Task.train.rawValue)),
            ("step", last?["current_steps"] ?? .null), ("total", last?["total_steps"] ?? .null),
            ("loss", training?["loss"] ?? .null), ("eval_loss", trial?["eval_loss"] ?? .null),
            ("lr", training?["lr"] ?? .null), ("epoch", last?["epoch"] ?? .null),
            ("percentage", last?["percentage"] ?? .null),
            ("elapsed", last?["elapsed_time"] ?? .null),
            ("remaining", last?["remaining_time"] ?? .null),
            ("throughput", training?["throughput"] ?? .null),
            ("ranks", record.map { .int($0.ranks) } ?? .null),
            ("command", record.map { .string($0.command) } ?? .null),
            ("started", record.map { .double($0.started) } ?? .null),
            ("host", record.map { .string($0.host) } ?? .null),
            ("job", record?.job.map { .string($0) } ?? .null),
            ("status", status.map { .int($0) } ?? .null),
        ]
        if state == .failed || state == .lost || state == .stopped {
            members.append(("message", lastMessage.map { .string($0) } ?? .null))
        }
        return .object(members)
    }
}
