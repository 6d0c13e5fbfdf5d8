import Distributed
import Testing

@Suite struct PeakMemoryTests {
    @Test func peakMemoryIsKnownAndGrows() {
        let before = Machine.peakMemory()
        let block = [UInt8](repeating: 1, count: 300 << 20)
        #expect(before > 1 << 20 && block.last == 1)
        #expect(Machine.peakMemory() >= 300 << 20)
    }
}
