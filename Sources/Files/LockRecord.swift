import Foundation

/// What the file of a lock says about the process that holds it: one `key: value` a line.
///
/// The last line counts renewals in digits of a fixed number, so that it can be written in place.
package struct LockRecord: Equatable, Sendable {
    package var host: String
    package var process: Int32
    /// What was started, as it stands in the process list.
    package var command: String
    /// When the lock was taken: ISO 8601, UTC.
    package var since: String
    /// The kernel's id of this boot of the machine.
    var boot: String
    /// The namespace in which the process number counts.
    var namespace: String
    /// When the process began, in the kernel's clock ticks since the boot.
    var started: Int
    /// Told apart from every other holder's, a number drawn at random.
    var token: String
    var renewals = 0

    /// The record of this process.
    init(command: String) {
        host = Self.hostName()
        process = getpid()
        self.command = String(
            command.split(whereSeparator: \.isNewline).joined(separator: " ").prefix(300))
        since = Date.now.formatted(.iso8601)
        boot = Self.boot()
        namespace = Self.namespace()
        started = Self.start(of: getpid()) ?? 0
        token = String(UInt64.random(in: .min ... .max), radix: 16)
    }

    /// Digits of the count of renewals.
    private static let digits = 12
    /// Bytes from the end of the file at which they begin.
    static let renewalOffset = digits + 1

    /// The count as it stands in the file.
    var renewalText: String {
        let text = String(renewals)
        return String(repeating: "0", count: max(0, Self.digits - text.count)) + text
    }

    /// The file.
    var text: String {
        """
        lockstep lock
        host: \(host)
        process: \(process)
        command: \(command)
        since: \(since)
        boot: \(boot)
        namespace: \(namespace)
        started: \(started)
        token: \(token)
        renewals: \(renewalText)

        """
    }

    /// Reads a file; `nil` where it is none of a lock, or not whole.
    init?(text: String) {
        var values: [String: String] = [:]
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.first == "lockstep lock", text.hasSuffix("\n") else { return nil }
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            values[String(line[..<colon])] = line[line.index(after: colon)...]
                .trimmingCharacters(in: .whitespaces)
        }
        guard let host = values["host"], let process = values["process"].flatMap(Int32.init),
            let boot = values["boot"], let token = values["token"],
            let started = values["started"].flatMap(Int.init),
            let renewals = values["renewals"].flatMap(Int.init)
        else { return nil }
        self.host = host
        self.process = process
        self.boot = boot
        self.token = token
        self.started = started
        self.renewals = renewals
        command = values["command"] ?? ""
        since = values["since"] ?? ""
        namespace = values["namespace"] ?? ""
    }

    /// Who it is, for messages.
    package var description: String {
        "process \(process) on \(host) (\(command)), since \(since)"
    }

    /// Whether the process is there; `nil` where this machine cannot know.
    var isAlive: Bool? {
        guard !boot.isEmpty, boot == Self.boot(), namespace == Self.namespace() else { return nil }
        return Self.start(of: process) == started
    }

    /// The name as the kernel has it.
    private static func hostName() -> String {
        var characters = [CChar](repeating: 0, count: 256)
        guard gethostname(&characters, characters.count - 1) == 0 else { return "unknown" }
        return String(
            decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func boot() -> String {
        let text = try? String(
            contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
        return text?.trimmingCharacters(in: .whitespacesAndNewlines) ?? ""
    }

    private static func namespace() -> String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/pid")) ?? ""
    }

    /// When a process that has not ended began; `nil` where there is none.
    private static func start(of process: Int32) -> Int? {
        // Field 2 is the name in brackets and may hold anything; 3 is the state, 22 the start.
        guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
            let end = text.lastIndex(of: ")")
        else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
        return Int(fields[19])
    }
}
