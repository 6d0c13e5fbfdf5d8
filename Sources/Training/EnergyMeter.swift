package import Distributed
import Foundation

/// The energy that this host's processor packages have used, by the counters that Linux has of them (RAPL).
///
/// Memory, boards and power supplies are not in it. Most systems let root alone read the counters; where
/// they cannot be read, there is no meter. Source: the kernel's Documentation/power/powercap/powercap.rst.
package struct EnergyMeter: Sendable {
    /// A package's counter.
    private struct Counter: Sendable {
        let path: String
        /// Where the counter begins anew, in microjoules.
        let range: Double
        var last: Double
    }

    private var counters: [Counter]

    /// The meter of the packages under `folder`; `nil` where none can be read.
    package init?(folder: String = "/sys/class/powercap") {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        counters = names.sorted().compactMap { name in
            // `intel-rapl:0` is a package (AMD's, too), `intel-rapl:0:1` a part of one.
            let path = "\(folder)/\(name)"
            guard name.hasPrefix("intel-rapl:"), name.split(separator: ":").count == 2,
                Self.text(path + "/name")?.hasPrefix("package") == true,
                let last = Self.number(path + "/energy_uj"),
                let range = Self.number(path + "/max_energy_range_uj"), range > 0
            else { return nil }
            return Counter(path: path + "/energy_uj", range: range, last: last)
        }
        if counters.isEmpty { return nil }
    }

    /// The meter of the ranks of this host: the first of them has it, the others none.
    package init?(of communicator: any Communicator, folder: String = "/sys/class/powercap") {
        let first = communicator.hostNames.firstIndex(of: communicator.hostName)
        guard first == communicator.rank else { return nil }
        self.init(folder: folder)
    }

    /// Joules since the last call, or since the meter was made.
    ///
    /// A counter that began anew in between is taken to have done so once: at full load that takes ten
    /// minutes or more, so that of a longer step less may be told than it used.
    package mutating func take() -> Double {
        var microjoules = 0.0
        for index in counters.indices {
            guard let value = Self.number(counters[index].path) else { continue }
            let difference = value - counters[index].last
            microjoules += difference >= 0 ? difference : difference + counters[index].range
            counters[index].last = value
        }
        return microjoules / 1e6
    }

    private static func text(_ path: String) -> String? {
        FileManager.default.contents(atPath: path).map {
            String(decoding: $0, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }

    private static func number(_ path: String) -> Double? { text(path).flatMap(Double.init) }
}
