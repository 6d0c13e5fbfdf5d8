import Foundation
import Testing

/// A server in a process of its own that scores texts as `reward_model_type: api` asks: a text's score is a
/// hundredth of its bytes, as JSON writes it.
final class ScoreServer {
    let port: Int
    private let process = Process()
    private let folder: TrialFolder

    /// What it was asked: a request's body and the scores that it gave, a line each.
    var requests: [(body: String, scores: [Double])] {
        let text = (try? folder.data("server/requests")) ?? Data()
        return String(decoding: text, as: UTF8.self).split(separator: "\n").map { line in
            let parts = line.split(separator: "\t", maxSplits: 1)
            return (String(parts[1]), parts[0].split(separator: ",").compactMap { Double($0) })
        }
    }

    /// - Parameter answer: Perl that makes `$answer` of `@scores`, where another one is to be given.
    init(in folder: TrialFolder, answer: String = "") throws {
        self.folder = folder
        try folder.write("server/requests", "")
        try folder.write("server/server.pl", Self.script.replacing("ANSWER", with: answer))
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["perl", folder.full("server/server.pl"), folder.full("server")]
        try process.run()
        let end = ContinuousClock.now + .seconds(120)
        while !folder.exists("server/port"), ContinuousClock.now < end { usleep(10_000) }
        let text = String(decoding: try folder.data("server/port"), as: UTF8.self)
        port = try #require(Int(text))
    }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    private static let script = #"""
        use strict;
        use IO::Socket::INET;
        my $folder = shift;
        my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 8) or die;
        sub keep { open(my $file, $_[0], $_[1]) or die; print $file $_[2]; close $file; }
        keep('>', "$folder/port.new", $listener->sockport);
        rename("$folder/port.new", "$folder/port");
        while (my $client = $listener->accept) {
            my ($length, $body) = (0, '');
            while (my $line = <$client>) {
                $length = $1 if $line =~ /^content-length: *(\d+)/i;
                last if $line =~ /^\r?\n$/;
            }
            read($client, $body, $length);
            my ($texts) = $body =~ /"messages": *\[(.*)\]/s;
            my @scores = map { length($_) / 100 } $texts =~ /"((?:[^"\\]|\\.)*)"/g;
            keep('>>', "$folder/requests", join(',', @scores) . "\t$body\n");
            my ($status, $answer) = ('200 OK', '{"scores": [' . join(', ', @scores) . ']}');
            ANSWER;
            print $client "HTTP/1.1 $status\r\nContent-Length: " . length($answer) . "\r\n\r\n$answer";
            close $client;
        }
        """#
}
