//! What the simulator's server shows to clients that speak TLS: a certificate
//! made on the spot for this machine's loopback names, or a given one.

use std::{fmt, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// A certificate with its key, ready to serve.
#[derive(Clone)]
pub struct ServerTls {
    pub(super) config: Arc<ServerConfig>,
    certificate_pem: String,
}

/// Why a certificate cannot be served.
#[derive(Debug)]
pub struct CertificateError(String);

impl ServerTls {
    /// A new certificate for `localhost`, 127.0.0.1 and ::1, which is its own
    /// authority: a client that is given [`Self::certificate_pem`] as trusted
    /// (`SSL_CERT_FILE`, `NODE_EXTRA_CA_CERTS`) accepts it.
    ///
    /// # Errors
    /// Where no key can be made.
    pub fn self_signed() -> Result<Self, CertificateError> {
        let failed =
            |error: rcgen::Error| CertificateError(format!("cannot make a certificate: {error}"));
        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names).map_err(failed)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "chinwag simulator");
        let key = KeyPair::generate().map_err(failed)?;
        let certificate_pem = params.self_signed(&key).map_err(failed)?.pem();
        Self::from_pem(&certificate_pem, &key.serialize_pem())
    }

    /// A given certificate (with what chains it, own first) and its key.
    ///
    /// # Errors
    /// Where either is not PEM of the kind expected, or they do not match.
    pub fn from_pem(certificate: &str, key: &str) -> Result<Self, CertificateError> {
        let chain = CertificateDer::pem_slice_iter(certificate.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| CertificateError(format!("certificate: expected PEM: {error}")))?;
        if chain.is_empty() {
            let what = "certificate: expected at least one BEGIN CERTIFICATE section";
            return Err(CertificateError(what.to_owned()));
        }
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|error| CertificateError(format!("key: expected PEM: {error}")))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| CertificateError(format!("certificate and key: {error}")))?;
        Ok(Self { config: Arc::new(config), certificate_pem: certificate.to_owned() })
    }

    /// What a client has to trust, as PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerTls")
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for CertificateError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_of_its_own_can_be_served_again_from_its_pem() {
        let key = KeyPair::generate().unwrap().serialize_pem();
        let made = ServerTls::self_signed().unwrap();
        assert!(made.certificate_pem().starts_with("-----BEGIN CERTIFICATE-----"));
        let error = ServerTls::from_pem(made.certificate_pem(), &key).unwrap_err();
        assert!(error.to_string().starts_with("certificate and key: "), "{error}");
    }

    #[test]
    fn what_is_no_pem_is_named() {
        let says = |certificate: &str, key: &str| {
            ServerTls::from_pem(certificate, key).unwrap_err().to_string()
        };
        let made = ServerTls::self_signed().unwrap();
        assert!(says("", "").contains("BEGIN CERTIFICATE"));
        assert!(says(made.certificate_pem(), "x").starts_with("key: expected PEM"));
    }
}
