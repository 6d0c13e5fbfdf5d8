import Foundation

/// Has a worker process try one parser's inputs, starts another where one dies or hangs, and says
/// what was found.
struct Supervisor {
    let parser: Parser
    let program: String
    let count: Int
    let run: UInt64
    let scratch: String

    /// An input that takes longer hangs, seconds.
    static let patience = 10.0
    /// After that many findings a parser is given up.
    static let most = 20

    /// Tries all inputs; returns the findings.
    func supervise() throws -> [String] {
        let start = Date()
        let folder = scratch + "/" + parser.name
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        let progress = folder + ".progress"
        let notes = folder + ".findings"
        try? FileManager.default.removeItem(atPath: notes)
        var found: [String] = []
        var next = 0
        while next < count, found.count < Self.most {
            let worker = Process()
            worker.executableURL = URL(fileURLWithPath: program)
            worker.arguments = [
                "--worker", parser.name, "\(next)", "\(count)", "\(run)", folder, progress, notes,
            ]
            let output = folder + ".stderr"
            _ = FileManager.default.createFile(atPath: output, contents: nil)
            worker.standardOutput = FileHandle.nullDevice
            worker.standardError = FileHandle(forWritingAtPath: output)
            try worker.run()
            let hung = watch(worker, progress)
            worker.waitUntilExit()
            let index = Self.number(in: progress)
            if hung {
                found.append(try keep(index, "hang"))
            } else if worker.terminationReason == .uncaughtSignal {
                found.append(try keep(index, "signal \(worker.terminationStatus)"))
            } else if worker.terminationStatus != 0 {
                found.append(try keep(index, "exit \(worker.terminationStatus)"))
            } else {
                break
            }
            next = index + 1
        }
        let lines = (try? String(contentsOfFile: notes, encoding: .utf8)) ?? ""
        var read = 0
        for line in lines.split(separator: "\n") {
            let words = line.split(separator: " ")
            let number = words.count > 1 ? Int(words[1]) ?? 0 : 0
            switch words.first {
            case "read": read += number
            case "memory":
                if found.count < Self.most { found.append(try keep(number, String(line))) }
            default: if !found.contains(String(line)) { found.append("\(parser.name): \(line)") }
            }
        }
        let seconds = Date().timeIntervalSince(start)
        let tried = found.count < Self.most ? count : next
        let line =
            "\(parser.name): \(tried) inputs in \(Int(seconds)) s, \(read) read, "
            + "\(found.count) findings\n"
        FileHandle.standardOutput.write(Data(line.utf8))
        return found
    }

    /// Waits until the worker ends; kills it where it stays at one input for too long.
    private func watch(_ worker: Process, _ progress: String) -> Bool {
        var last = -1
        var since = Date()
        while worker.isRunning {
            usleep(50_000)
            let index = Self.number(in: progress)
            if index != last {
                (last, since) = (index, Date())
            } else if Date().timeIntervalSince(since) > Self.patience {
                kill(worker.processIdentifier, SIGKILL)
                return true
            }
        }
        return false
    }

    /// Keeps an input for whoever mends it.
    private func keep(_ index: Int, _ what: String) throws -> String {
        var mutator = Mutator(seeds: Worker.seeds(of: parser), words: parser.words)
        let file = "\(scratch)/\(parser.name)-\(index).input"
        try Data(mutator.input(index, run: run)).write(to: URL(fileURLWithPath: file))
        return "\(parser.name): \(what): \(file)"
    }

    private static func number(in file: String) -> Int {
        guard let data = FileManager.default.contents(atPath: file), data.count >= 8 else {
            return 0
        }
        return Int(data.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) })
    }
}
