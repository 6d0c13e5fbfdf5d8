import Foundation
import TestSupport
import Testing
import Training

@Suite struct EnergyMeterTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// A counter as Linux shows it.
    private func counter(_ domain: String, _ name: String, _ microjoules: Int) throws {
        _ = try folder.makeFolder(domain)
        try folder.write("\(domain)/name", name + "\n")
        try folder.write("\(domain)/energy_uj", "\(microjoules)\n")
        try folder.write("\(domain)/max_energy_range_uj", "1000000000\n")
    }

    @Test func packagesAreSummedAndTheirPartsAreNot() throws {
        try counter("intel-rapl:0", "package-0", 5_000_000)
        try counter("intel-rapl:1", "package-1", 100)
        try counter("intel-rapl:0:0", "core", 0)
        try counter("intel-rapl:2", "psys", 0)
        var meter = try #require(EnergyMeter(folder: folder.path))
        try counter("intel-rapl:0", "package-0", 7_500_000)
        try counter("intel-rapl:1", "package-1", 1_000_100)
        try counter("intel-rapl:0:0", "core", 9_000_000)
        try counter("intel-rapl:2", "psys", 9_000_000)
        #expect(meter.take() == 3.5)
        #expect(meter.take() == 0)
    }

    @Test func aCounterThatBeganAnewGoesOn() throws {
        try counter("intel-rapl:0", "package-0", 999_000_000)
        var meter = try #require(EnergyMeter(folder: folder.path))
        try counter("intel-rapl:0", "package-0", 2_000_000)
        #expect(meter.take() == 3)
    }

    @Test func whereNothingCanBeReadThereIsNoMeter() throws {
        #expect(EnergyMeter(folder: folder.path) == nil)
        #expect(EnergyMeter(folder: folder.path("gone")) == nil)
        try counter("intel-rapl:0", "package-0", 5)
        try FileManager.default.removeItem(atPath: folder.path("intel-rapl:0/energy_uj"))
        #expect(EnergyMeter(folder: folder.path) == nil)
    }
}
