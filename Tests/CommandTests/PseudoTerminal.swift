import Foundation

/// A terminal in which a test types. It shows nothing of what is typed.
final class PseudoTerminal {
    /// The end that programs have as their stdin.
    let device: FileHandle
    private let keyboard: FileHandle

    struct Failure: Error { let code: Int32 }

    init() throws {
        let descriptor = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(code: errno) }
        keyboard = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        guard grantpt(descriptor) == 0, unlockpt(descriptor) == 0 else {
            throw Failure(code: errno)
        }
        // Long enough for /dev/pts/ and any number.
        var name = [CChar](repeating: 0, count: 64)
        let status = ptsname_r(descriptor, &name, name.count)
        guard status == 0 else { throw Failure(code: status) }
        let opened = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard opened >= 0 else { throw Failure(code: errno) }
        device = FileHandle(fileDescriptor: opened, closeOnDealloc: true)
        var settings = termios()
        tcgetattr(opened, &settings)
        settings.c_lflag &= ~tcflag_t(ECHO)
        guard tcsetattr(opened, TCSANOW, &settings) == 0 else { throw Failure(code: errno) }
    }

    func type(_ text: String) throws { try keyboard.write(contentsOf: Data(text.utf8)) }
}
