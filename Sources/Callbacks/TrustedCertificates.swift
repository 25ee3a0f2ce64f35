import NIOSSL

/// Whose certificates a receiver may show.
package struct TrustedCertificates: Sendable {
    private let roots: NIOSSLTrustRoots

    /// Those the system trusts.
    package static let system = TrustedCertificates(roots: .default)

    private init(roots: NIOSSLTrustRoots) { self.roots = roots }

    /// Those signed by one of the CAs in a PEM file, and no others; nil if it cannot be read or holds none.
    package init?(pemFile path: String) {
        guard let certificates = try? NIOSSLCertificate.fromPEMFile(path), !certificates.isEmpty else { return nil }
        roots = .certificates(certificates)
    }

    func clientContext() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = roots
        configuration.applicationProtocols = ["http/1.1"]
        return try NIOSSLContext(configuration: configuration)
    }
}
