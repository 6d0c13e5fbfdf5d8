import Foundation

/// Memory of this process.
package enum ProcessMemory {
    /// The most memory held so far, in bytes (VmHWM of /proc/self/status); 0 where the system does
    /// not tell.
    package static func peakBytes() -> Int {
        guard let status = FileManager.default.contents(atPath: "/proc/self/status") else {
            return 0
        }
        for line in status.split(separator: UInt8(ascii: "\n")) {
            let words = String(decoding: line, as: UTF8.self).split { " \t".contains($0) }
            guard words.count == 3, words[0] == "VmHWM:", words[2] == "kB" else { continue }
            return (Int(words[1]) ?? 0) * 1024
        }
        return 0
    }
}
