import Foundation

/// The memory that this process may take, of the machine and of what limits a part of it.
package struct MemoryLimits: Sendable {
    /// A limit: what sets it, its bytes, and those that are left.
    package struct Limit: Sendable, Equatable {
        package let name: String
        package let bytes: Int
        package let left: Int
    }

    package let limits: [Limit]

    /// - Parameter text: reads a file of the system; `nil` where it is not there.
    package init(_ text: (String) -> String?) {
        var limits: [Limit] = []
        let meminfo = Self.fields(text("/proc/meminfo") ?? "")
        if let total = meminfo["MemTotal"], let available = meminfo["MemAvailable"] {
            let swap = meminfo["SwapFree"] ?? 0
            limits.append(
                Limit(
                    name: "this machine's memory",
                    bytes: total + (meminfo["SwapTotal"] ?? 0), left: available + swap))
        }
        for folder in Self.groups(text("/proc/self/cgroup") ?? "") {
            guard let limit = Self.group(folder, text) else { continue }
            limits.append(limit)
        }
        let addresses = (text("/proc/self/limits") ?? "").split(separator: "\n").first {
            $0.hasPrefix("Max address space")
        }
        let words = (addresses ?? "").split(whereSeparator: \.isWhitespace)
        if words.count > 3, let bytes = Int(words[3]) {
            let used = Self.fields(text("/proc/self/status") ?? "")["VmSize"] ?? 0
            limits.append(
                Limit(name: "the limit of ulimit -v", bytes: bytes, left: max(0, bytes - used)))
        }
        self.limits = limits
    }

    /// The limits of this process now.
    package static func now() -> MemoryLimits {
        MemoryLimits { try? String(contentsOfFile: $0, encoding: .utf8) }
    }

    /// `Name: 12 kB` of each line, in bytes.
    private static func fields(_ text: String) -> [String: Int] {
        var fields: [String: Int] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":")
            guard parts.count == 2,
                let number = parts[1].split(whereSeparator: \.isWhitespace).first
            else {
                continue
            }
            fields[String(parts[0])] = Int(number).map { $0 * 1024 }
        }
        return fields
    }

    /// The folders of the control groups that this process is in, and of those around them.
    private static func groups(_ text: String) -> [String] {
        var folders: [String] = []
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3, parts[1].isEmpty || parts[1] == "memory" else { continue }
            let root = parts[1].isEmpty ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
            var names = parts[2].split(separator: "/").map(String.init)
            repeat {
                folders.append(([root] + names).joined(separator: "/"))
                if names.isEmpty { break }
                names.removeLast()
            } while true
        }
        return folders
    }

    private static func group(_ folder: String, _ text: (String) -> String?) -> Limit? {
        func number(_ file: String) -> Int? {
            text(folder + "/" + file).flatMap {
                Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
            }
        }
        let stat = text(folder + "/memory.stat") ?? ""
        // Pages of files are given back when memory is wanted. Version 1 sums over groups within.
        let names = ["inactive_file", "active_file"]
        let isOlder = stat.contains("total_inactive_file ")
        let cache = stat.split(separator: "\n").reduce(0) { sum, line in
            let words = line.split(separator: " ")
            guard words.count == 2,
                names.contains(where: { words[0] == (isOlder ? "total_" : "") + $0 })
            else { return sum }
            return sum + (Int(words[1]) ?? 0)
        }
        // Version 1 writes a number near 2⁶³ for no limit, version 2 "max".
        guard let bytes = number("memory.max") ?? number("memory.limit_in_bytes"), bytes < 1 << 60,
            let used = number("memory.current") ?? number("memory.usage_in_bytes")
        else { return nil }
        return Limit(
            name: "the memory limit of this container or job", bytes: bytes,
            left: max(0, bytes - used + min(cache, used)))
    }
}
