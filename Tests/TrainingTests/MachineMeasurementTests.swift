import Distributed
import Kernels
import Testing
import Training

@Suite struct MachineMeasurementTests {
    /// As where other programs have the processors: a thread gets a quarter of one.
    @Test func aPeakOfThreadsThatWaitForProcessorsIsMarked() {
        let workspace = Workspace(threads: 4 * Machine.allowedProcessors())
        #expect(MachineMeasurement.matrixProducts(.float32, in: workspace).wasBusy)
    }

    /// A core whose sibling is busy multiplies matrix tiles at a quarter of its rate, for seconds.
    @Test func repeatsOfWhichHalfTookTwiceAsLongAsTheBestAreUneven() {
        #expect(MachineMeasurement.areUneven(sorted: [1, 1.1, 2.1, 2.2]))
        #expect(!MachineMeasurement.areUneven(sorted: [1, 1.1, 1.9, 4]))
        #expect(!MachineMeasurement.areUneven(sorted: [1]))
    }
}
