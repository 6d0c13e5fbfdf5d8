package import Foundation

/// Where lines for the user go.
package struct TerminalDevice {
    /// Whether the text goes to a screen, where a line can be drawn again.
    package let isTerminal: Bool
    /// Columns of the screen as it is now.
    let width: () -> Int
    let write: (String) -> Void

    package init(isTerminal: Bool, width: @escaping () -> Int, write: @escaping (String) -> Void) {
        self.isTerminal = isTerminal
        self.width = width
        self.write = write
    }

    /// This process's standard output or standard error.
    ///
    /// Text that cannot be written, as into a closed pipe, is dropped.
    package static func file(_ handle: FileHandle) -> TerminalDevice {
        let descriptor = handle.fileDescriptor
        return TerminalDevice(
            isTerminal: isatty(descriptor) == 1,
            width: {
                var size = winsize()
                let isKnown = ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
                return isKnown ? Int(size.ws_col) : 80
            },
            write: { try? handle.write(contentsOf: Data($0.utf8)) })
    }
}
