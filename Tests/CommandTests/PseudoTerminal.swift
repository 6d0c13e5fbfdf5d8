import Foundation

/// A terminal in which a test types. It shows nothing of what is typed.
final class PseudoTerminal {
    /// The end that programs have as their stdin.
    let device: FileHandle
    private let keyboard: FileHandle

    struct Failure: Error { let code: Int32 }

    init() throws {
        var keyboard: Int32 = -1
        var device: Int32 = -1
        guard openpty(&keyboard, &device, nil, nil, nil) == 0 else { throw Failure(code: errno) }
        self.keyboard = FileHandle(fileDescriptor: keyboard, closeOnDealloc: true)
        self.device = FileHandle(fileDescriptor: device, closeOnDealloc: true)
        // Programs of other tests are not to keep it open.
        for descriptor in [keyboard, device] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        var settings = termios()
        tcgetattr(device, &settings)
        settings.c_lflag &= ~tcflag_t(ECHO)
        guard tcsetattr(device, TCSANOW, &settings) == 0 else { throw Failure(code: errno) }
    }

    func type(_ text: String) throws { try keyboard.write(contentsOf: Data(text.utf8)) }
}
