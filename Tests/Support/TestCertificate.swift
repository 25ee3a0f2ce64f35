import NIOSSL

/// A self-signed certificate, valid until 2126. It and its key protect nothing.
package struct TestCertificate: Sendable {
    private let key: String
    private let certificate: String

    /// For a server that terminates TLS with it.
    package var serverContext: NIOSSLContext {
        get throws {
            try NIOSSLContext(
                configuration: .makeServerConfiguration(
                    certificateChain: [.certificate(NIOSSLCertificate(bytes: Array(certificate.utf8), format: .pem))],
                    privateKey: .privateKey(NIOSSLPrivateKey(bytes: Array(key.utf8), format: .pem))))
        }
    }

    /// For a client that trusts it and nothing else.
    package var clientContext: NIOSSLContext {
        get throws {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.trustRoots = .certificates(
                [try NIOSSLCertificate(bytes: Array(certificate.utf8), format: .pem)])
            return try NIOSSLContext(configuration: configuration)
        }
    }

    /// Of a server called `localhost`.
    package static let localhost = TestCertificate(
        key: """
            -----BEGIN PRIVATE KEY-----
            MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgj7Fg97ni2nPe0NTx
            RUMtcqcQhhPw2FtNsIkhbaP37E6hRANCAAQV+6ddIsjTa4j6iTQyj5w5XjE0AWEi
            HawD6Q+MRiub12gtM1c5oLeqG0WGEPfnFwdH0TNhA/XImiYSz2q9D8sa
            -----END PRIVATE KEY-----
            """,
        certificate: """
            -----BEGIN CERTIFICATE-----
            MIIBlTCCATugAwIBAgIUC8OogTQUpvWE0qHjxBG8AdZNeNcwCgYIKoZIzj0EAwIw
            FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTE1MjYyOVoYDzIxMjYxMDI4
            MTUyNjI5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
            PQMBBwNCAAQV+6ddIsjTa4j6iTQyj5w5XjE0AWEiHawD6Q+MRiub12gtM1c5oLeq
            G0WGEPfnFwdH0TNhA/XImiYSz2q9D8sao2kwZzAdBgNVHQ4EFgQUCicKC6WNrfmG
            56IyUcLmzUnBgNswHwYDVR0jBBgwFoAUCicKC6WNrfmG56IyUcLmzUnBgNswDwYD
            VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
            SAAwRQIgbZoY/0nkIDZB0XpHqSa4eWObLoNFvfw0Obz8Gn8pwMgCIQCMvfnpIIA7
            GGxNpFF41di6JqldRkVijFzcSzEReSGJHQ==
            -----END CERTIFICATE-----
            """)
}
