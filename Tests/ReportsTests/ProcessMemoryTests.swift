import Reports
import Testing

@Suite struct ProcessMemoryTests {
    @Test func peakMemoryIsKnownAndGrows() {
        let before = ProcessMemory.peakBytes()
        let block = [UInt8](repeating: 1, count: 300 << 20)
        #expect(before > 1 << 20 && block.last == 1)
        #expect(ProcessMemory.peakBytes() >= 300 << 20)
    }
}
