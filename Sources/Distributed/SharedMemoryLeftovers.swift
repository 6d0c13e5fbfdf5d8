package import Foundation

/// Files in which Open MPI's ranks of one host shared memory, and which killed runs have left: they
/// fill memory until somebody removes them.
///
/// They are told, not removed: that no process uses one cannot be known where containers share the
/// folder, for each sees its own processes only.
package struct SharedMemoryLeftovers: Equatable, Sendable {
    package let names: [String]
    package let bytes: Int

    private static let prefix = "vader_segment."
    /// Younger ones may be a run's that is just beginning.
    private static let leastSeconds = 600.0

    /// Looks for files of this user that are old enough and that no process it can see has mapped.
    package init(
        in folder: String = "/dev/shm", processes: String = "/proc", now: Date = Date.now
    ) {
        let manager = FileManager.default
        var found: [String: Int] = [:]
        for name in (try? manager.contentsOfDirectory(atPath: folder)) ?? []
        where name.hasPrefix(Self.prefix) {
            guard let facts = try? manager.attributesOfItem(atPath: folder + "/" + name),
                (facts[.ownerAccountID] as? NSNumber)?.uint32Value == geteuid(),
                let modified = facts[.modificationDate] as? Date,
                now.timeIntervalSince(modified) > Self.leastSeconds
            else { continue }
            found[name] = (facts[.size] as? NSNumber)?.intValue ?? 0
        }
        if !found.isEmpty {
            for id in (try? manager.contentsOfDirectory(atPath: processes)) ?? []
            where Int(id) != nil {
                let maps = try? String(contentsOfFile: "\(processes)/\(id)/maps", encoding: .utf8)
                guard let maps, maps.contains(Self.prefix) else { continue }
                for name in found.keys where maps.contains(name) { found[name] = nil }
            }
        }
        names = found.keys.sorted()
        bytes = found.values.reduce(0, +)
    }

    /// A line for the user; `nil` where there is nothing to tell.
    package var line: String? {
        guard !names.isEmpty else { return nil }
        return "\(names.count) file\(names.count == 1 ? "" : "s") of runs that were killed "
            + "hold\(names.count == 1 ? "s" : "") \((bytes + (1 << 20) - 1) >> 20) MiB of shared "
            + "memory on \(Machine.hostName()): remove /dev/shm/\(Self.prefix)* when no run of "
            + "yours is under way there"
    }
}
