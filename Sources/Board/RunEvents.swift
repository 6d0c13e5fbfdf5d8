import Files
import Foundation
package import Serving

/// A run as it goes on, for a page that looks at it: its state, its curves, its log.
///
/// The files of the run's folder are looked at every half second; a page that comes later, or again, is
/// told all of it.
package struct RunEvents: Sendable {
    private let name: String
    private let folder: String
    private let starter: RunStarter
    private let interval: Duration

    package init(
        of name: String, in folder: String, _ starter: RunStarter,
        every interval: Duration = .milliseconds(500)
    ) {
        self.name = name
        self.folder = folder
        self.starter = starter
        self.interval = interval
    }

    /// `state` (what a list shows of the run), `checkpoints`, `steps` (lines of trainer_log.jsonl) and `log`
    /// (text); the last two say whether they begin anew.
    package func stream() -> AsyncStream<ServerEvent> {
        AsyncStream { continuation in
            let task = Task {
                var looks = Looks(self)
                while !Task.isCancelled {
                    for event in looks.next() { continuation.yield(event) }
                    try? await Task.sleep(for: interval)
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// What was told so far.
    package struct Looks {
        private let events: RunEvents
        private var steps: FileTail
        private var log: FileTail
        private var state: JSONValue?
        private var checkpoints: JSONValue?
        private var count = 0
        private var job: String?

        package init(_ events: RunEvents) {
            self.events = events
            steps = FileTail(events.folder + "/" + RunFolder.trainerLogName, takesLines: true)
            log = FileTail(events.folder + "/" + RunFolder.logName, takesLines: false)
        }

        /// What has changed since the last look.
        package mutating func next() -> [ServerEvent] {
            var found: [ServerEvent] = []
            let run = RunFolder(events.folder)
            // Slurm is asked seldom: it serves others, too.
            if count % 20 == 0 { job = events.starter.job(of: run) }
            count += 1
            if let (isNew, data) = steps.next(limit: 1 << 26) {
                let lines = data.split(separator: UInt8(ascii: "\n")).compactMap {
                    try? JSONValueReader.read(Array($0)[...])
                }
                found.append(
                    .named("steps", .object([("new", .bool(isNew)), ("lines", .array(lines))])))
            }
            if let (isNew, data) = log.next(limit: 20_000) {
                let text = String(decoding: data, as: UTF8.self)
                found.append(
                    .named("log", .object([("new", .bool(isNew)), ("text", .string(text))])))
            }
            let summary = run.summary(name: events.name, job: job)
            if summary != state {
                state = summary
                found.append(.named("state", summary))
            }
            let list = CheckpointList(run).entries(steps: run.steps)
            let now = JSONValue.array(list.map(\.json))
            if now != checkpoints {
                checkpoints = now
                found.append(.named("checkpoints", now))
            }
            return found
        }
    }
}
