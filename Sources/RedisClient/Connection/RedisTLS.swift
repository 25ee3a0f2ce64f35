import NIOCore
import NIOSSL
import PresenceCore

/// With what connections are secured, where the URL asks for TLS: PEM files, and the name that is expected.
package struct RedisTLS: Sendable, Equatable {
    /// A file, by the key of the configuration that names it.
    package enum File: String, Sendable {
        case authorities = "redis.ca-file"
        case certificate = "redis.certificate-file"
        case key = "redis.key-file"
    }

    /// Why a file cannot be used, to follow its name in a sentence.
    package struct Unusable: Error, CustomStringConvertible {
        package let file: File
        package let path: String
        package let reason: String

        package var description: String { "\(file.rawValue) names \(path.debugDescription), which \(reason)." }
    }

    /// The CAs trusted; nil for those of the system.
    package var authorityFile: String?
    /// What is shown to a server that demands a certificate, with its chain behind it; nil for nothing.
    package var certificateFile: String?
    package var keyFile: String?
    /// The name the server's certificate must be for; nil for the host that is connected to.
    package var serverName: String?

    package init(
        authorityFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil, serverName: String? = nil
    ) {
        self.authorityFile = authorityFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.serverName = serverName
    }

    /// Reads the files; blocks the thread.
    package func check() throws(Unusable) { _ = try secured(nil) }
}

extension RedisTLS {
    private static let fileBytesMax = 1_048_576
    /// How long a close waits for the server's own. Replies tell their length: nobody can cut them short unnoticed.
    private static let shutdownTimeoutMs: Int64 = 100

    /// What the files held.
    fileprivate struct Content: Equatable {
        var authorities: String?
        var certificate: String?
        var key: String?
    }

    /// What connections are secured with as long as the files stay as they are.
    struct Secured: Sendable {
        fileprivate let content: Content
        let context: NIOSSLContext
    }

    /// Reads the files; blocks the thread.
    /// - Parameter latest: is returned if they have not changed since.
    func secured(_ latest: Secured?) throws(Unusable) -> Secured {
        let content = Content(
            authorities: try read(.authorities, authorityFile), certificate: try read(.certificate, certificateFile),
            key: try read(.key, keyFile))
        if let latest, latest.content == content { return latest }
        return Secured(content: content, context: try context(content))
    }

    private func read(_ file: File, _ path: String?) throws(Unusable) -> String? {
        guard let path else { return nil }
        do throws(TextFile.Unusable) { return try TextFile.read(path, bytesMax: Self.fileBytesMax) } catch {
            throw Unusable(file: file, path: path, reason: error.reason)
        }
    }

    private func context(_ content: Content) throws(Unusable) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.shutdownTimeout = .milliseconds(Self.shutdownTimeoutMs)
        if let text = content.authorities {
            configuration.trustRoots = .certificates(try certificates(text, .authorities, authorityFile))
        }
        if let certificate = content.certificate, let text = content.key {
            configuration.certificateChain =
                try certificates(certificate, .certificate, certificateFile).map { .certificate($0) }
            guard let key = try? NIOSSLPrivateKey(bytes: Array(text.utf8), format: .pem) else {
                throw Unusable(
                    file: .key, path: keyFile ?? "", reason: "is no PEM of a private key, or of one behind a passphrase"
                )
            }
            configuration.privateKey = .privateKey(key)
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch NIOSSLError.failedToLoadPrivateKey {
            throw Unusable(
                file: .key, path: keyFile ?? "", reason: "is not the key of the certificate in redis.certificate-file")
        } catch {
            throw Unusable(
                file: .authorities, path: authorityFile ?? "", reason: "cannot be used, nor the system's CAs: \(error)")
        }
    }

    private func certificates(
        _ text: String, _ file: File, _ path: String?
    ) throws(Unusable) -> [NIOSSLCertificate] {
        guard let certificates = try? NIOSSLCertificate.fromPEMBytes(Array(text.utf8)), !certificates.isEmpty else {
            throw Unusable(file: file, path: path ?? "", reason: "is no PEM of a certificate")
        }
        return certificates
    }
}
