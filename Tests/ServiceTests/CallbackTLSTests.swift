import Foundation
import PresenceCore
import Support
import Testing

@testable import Callbacks

@Suite("Callbacks over TLS", .timeLimit(.minutes(2)))
struct CallbackTLSTests {
    @Test("A receiver with a certificate of a private CA gets nothing unless that CA is trusted")
    func privateCA() async throws {
        let file = try file(TestCertificate.signed.authority)
        defer { removeFolder(file.folder) }
        let trusted = try #require(TrustedCertificates(pemFile: file.path))
        try await ScriptedReceiver.with([.ok], certificate: .signed) { receiver in
            try await withSender(receiver.tlsURL) { sender in
                let outcome = await sender.post()
                #expect("\(outcome)".contains("CERTIFICATE_VERIFY_FAILED"))
            }
            #expect(receiver.requests.isEmpty)
            try await withSender(receiver.tlsURL, trusted: trusted) { sender in
                for _ in 0..<2 { #expect(await sender.post() == .delivered) }
            }
            #expect(receiver.requests.count == 2)
        }
    }

    @Test("The CAs of the file count in place of all others, and only for the receiver's name")
    func othersRefused() async throws {
        let own = try file(TestCertificate.localhost.authority)
        defer { removeFolder(own.folder) }
        let others = try #require(TrustedCertificates(pemFile: own.path))
        try await ScriptedReceiver.with([.ok], certificate: .signed) { receiver in
            try await withSender(receiver.tlsURL, trusted: others) { sender in
                let outcome = await sender.post()
                #expect("\(outcome)".contains("CERTIFICATE_VERIFY_FAILED"))
            }
            let ca = try file(TestCertificate.signed.authority)
            defer { removeFolder(ca.folder) }
            let trusted = try #require(TrustedCertificates(pemFile: ca.path))
            let unnamed = receiver.tlsURL.replacing("localhost", with: "127.0.0.1")
            try await withSender(unnamed, trusted: trusted) { sender in
                let outcome = await sender.post()
                #expect("\(outcome)".contains("failedToValidateHostname"))
            }
            #expect(receiver.requests.isEmpty)
        }
    }

    @Test("An http URL for a receiver that speaks TLS fails")
    func plainURL() async throws {
        try await ScriptedReceiver.with([.ok], certificate: .signed) { receiver in
            try await withSender(receiver.url) { sender in
                #expect(await sender.post().word == "retry")
            }
            #expect(receiver.requests.isEmpty)
        }
    }

    @Test("A file that is not there, or holds no certificate, is none", arguments: ["", "no PEM", nil])
    func badFiles(_ text: String?) throws {
        let file = try file(text ?? "")
        defer { removeFolder(file.folder) }
        #expect(TrustedCertificates(pemFile: file.path + (text == nil ? ".not" : "")) == nil)
    }

    private func file(_ text: String) throws -> (path: String, folder: String) {
        let folder = try temporaryFolder("tls")
        let path = folder + "/ca.pem"
        try Data(text.utf8).write(to: URL(filePath: path))
        return (path, folder)
    }
}
