import Reports
import Testing

@Suite struct TerminalProgressTests {
    /// Collects what a terminal would get.
    private final class Screen {
        var text = ""
        var width = 100

        func device(isTerminal: Bool) -> TerminalDevice {
            TerminalDevice(
                isTerminal: isTerminal, width: { self.width }, write: { self.text += $0 })
        }

        /// The bar as it stands, without control characters.
        var lastBar: String {
            let drawn = text.split(separator: "\r").last.map(String.init) ?? ""
            return drawn.replacing("\u{1B}[K", with: "")
        }
    }

    @Test func elsewhereEachLoggedStepIsOneLine() {
        let screen = Screen()
        let progress = TerminalProgress(screen.device(isTerminal: false))
        for step in 1...10 { progress.stepFinished(stepReport(step)) }
        progress.stepLogged(stepReport(10))
        progress.evaluationFinished(evaluationReport(10))
        progress.noted("checkpoint saved")
        progress.runEnded(runSummary())
        #expect(
            screen.text == """
                step 10/100 | loss 4.0000 | lr 0.001 | grad norm 1.25 | epoch 0.20 | 1.0k tokens/s | \
                MFU 45.6 % | 0.500 s/step (data 0.010, forward 0.150, backward 0.300, wait 0.020, \
                update 0.020) | 3.00 GiB | 0:00:45 left
                evaluation at step 10/100 | eval_loss 3.5000 | 40 samples in 2.0 s
                checkpoint saved
                done: 100 steps in 0:00:50, mean loss 2.5000

                """)
    }

    @Test func onATerminalTheBarIsDrawnInPlace() {
        let screen = Screen()
        let progress = TerminalProgress(screen.device(isTerminal: true))
        progress.stepFinished(stepReport(25))
        #expect(
            screen.text
                == "\r━━━━━━─────────────────── 25% 25/100 | loss 2.286 | 0:00:37 left "
                + "| 1.0k tok/s | lr 0.0025 | MFU 46%\u{1B}[K")
        progress.stepLogged(stepReport(25))
        progress.stepFinished(stepReport(26))
        #expect(!screen.text.contains("\n"))
    }

    @Test func linesThatStayGoAboveTheBar() {
        let screen = Screen()
        let progress = TerminalProgress(screen.device(isTerminal: true))
        progress.stepFinished(stepReport(25))
        let bar = screen.lastBar
        progress.noted("checkpoint saved")
        #expect(screen.text.hasSuffix("\r\u{1B}[Kcheckpoint saved\n" + bar))
    }

    @Test func theBarIsNeverAsWideAsTheScreen() {
        for width in [0, 5, 20, 30, 40, 60, 79, 80, 120, 300] {
            let screen = Screen()
            screen.width = width
            let progress = TerminalProgress(screen.device(isTerminal: true))
            progress.stepFinished(stepReport(99))
            #expect(screen.lastBar.count < max(11, width), "\(width): \(screen.lastBar)")
            if width >= 30 { #expect(screen.lastBar.contains("99% 99/100")) }
        }
    }

    @Test func drawingIsHeldBackToTenTimesASecond() {
        let screen = Screen()
        let progress = TerminalProgress(screen.device(isTerminal: true))
        for step in 1...100 {
            var report = stepReport(step)
            report.elapsed = 0.01 * Double(step)
            progress.stepFinished(report)
        }
        let drawings = screen.text.split(separator: "\r").count
        #expect((10...12).contains(drawings), "\(drawings)")
        #expect(screen.lastBar.contains("100% 100/100"))
    }

    @Test func theBarCanBeTurnedOff() {
        let screen = Screen()
        let progress = TerminalProgress(screen.device(isTerminal: true), usesBar: false)
        progress.stepFinished(stepReport(1))
        progress.stepLogged(stepReport(1))
        #expect(screen.text.hasPrefix("step 1/100 | ") && !screen.text.contains("\r"))
    }
}
