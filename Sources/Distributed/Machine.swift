import Foundation

/// What this machine says of itself.
package enum Machine {
    /// The host name as the kernel has it; hosts of a run are told apart by it.
    package static func hostName() -> String {
        var characters = [CChar](repeating: 0, count: 256)
        guard gethostname(&characters, characters.count - 1) == 0 else { return "unknown" }
        return String(
            decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// How many processors this process may run on: the binding that mpirun or Slurm chose.
    package static func allowedProcessors() -> Int {
        let list = field("Cpus_allowed_list:", of: "/proc/self/status") ?? ""
        let count = processorCount(list: list)
        return count > 0 ? count : ProcessInfo.processInfo.activeProcessorCount
    }

    /// Bytes of memory of the machine.
    package static func memory() -> Int {
        Int(clamping: ProcessInfo.processInfo.physicalMemory)
    }

    /// The most memory that this process has held so far, in bytes; 0 where the system does not tell.
    package static func peakMemory() -> Int {
        let text = field("VmHWM:", of: "/proc/self/status") ?? ""
        return (text.split(separator: " ").first.flatMap { Int($0) } ?? 0) * 1024
    }

    /// Bytes that can be had without swapping, as the kernel estimates.
    package static func availableMemory() -> Int {
        let text = field("MemAvailable:", of: "/proc/meminfo") ?? ""
        let kibibytes = text.split(separator: " ").first.flatMap { Int($0) } ?? 0
        return kibibytes * 1024
    }

    /// Seconds of a clock that never goes back.
    package static func seconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// Seconds that processors have worked for this process, over all its threads.
    package static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// How many processors a list such as `0-3,8,10-11` names.
    package static func processorCount(list: String) -> Int {
        list.split(separator: ",").reduce(0) { total, part in
            let ends = part.split(separator: "-").compactMap {
                Int($0.trimmingCharacters(in: .whitespaces))
            }
            guard let first = ends.first, let last = ends.last, last >= first else { return total }
            return total + last - first + 1
        }
    }

    private static func field(_ name: String, of file: String) -> String? {
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            return line.dropFirst(name.count).trimmingCharacters(in: .whitespaces)
        }
        return nil
    }
}
