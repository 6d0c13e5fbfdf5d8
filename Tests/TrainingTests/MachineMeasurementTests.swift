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
}
