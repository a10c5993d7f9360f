//! A bucket of S3, or of a store that speaks its protocol: address, region, credentials.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use benchmark_schemas::config::{AddressingStyle, SimpleStorageService};
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::{Certificate, ClientOptions, Error, ObjectStore};

use super::bucket::{StoreEnvironment, client_options, patience};

/// Region where neither configuration nor environment names one, as AWS's own tools take it.
const DEFAULT_REGION: &str = "us-east-1";
/// The header in which S3 tells where a bucket is, also to those who may not read it.
const REGION_HEADER: &str = "x-amz-bucket-region";
/// Time that asking for it may take.
const REGION_TIMEOUT: Duration = Duration::from_secs(5);
/// The file of further certificates that AWS's own tools trust.
const CA_BUNDLE: &str = "AWS_CA_BUNDLE";
/// The addresses that are given below, so that the configuration's comes before the environment's.
const ADDRESSES: [&str; 3] = ["AWS_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"];

/// A bucket of S3.
#[derive(Debug)]
pub(super) struct S3Bucket {
    name: String,
    endpoint: Option<String>,
    region: String,
    /// The bucket's name stands in the host name, not in the path.
    in_host: bool,
    environment: StoreEnvironment,
}

impl S3Bucket {
    /// The bucket that `settings` name, with credentials and defaults from `environment`.
    pub(super) fn new(settings: &SimpleStorageService, environment: &StoreEnvironment) -> Self {
        let of_environment = |name: &str| environment.get(name).map(str::to_owned);
        let endpoint = settings.endpoint_url.clone();
        let endpoint = endpoint.or_else(|| of_environment("AWS_ENDPOINT_URL_S3"));
        let endpoint = endpoint.or_else(|| of_environment("AWS_ENDPOINT_URL"));
        let region = settings.region_name.clone().or_else(|| of_environment("AWS_REGION"));
        let region = region.or_else(|| of_environment("AWS_DEFAULT_REGION"));
        let name = settings.bucket_name.clone();
        let in_host = match settings.addressing_style {
            Some(AddressingStyle::Virtual) => true,
            Some(AddressingStyle::Path) => false,
            // A name with dots does not match AWS's certificates.
            Some(AddressingStyle::Auto) | None => endpoint.is_none() && !name.contains('.'),
        };
        let region = region.unwrap_or_else(|| DEFAULT_REGION.to_owned());
        Self { name, endpoint, region, in_host, environment: environment.clone() }
    }

    /// A client that asks for credentials of its own.
    pub(super) fn connect(&self) -> Result<Arc<dyn ObjectStore>, Error> {
        let mut builder = AmazonS3Builder::new();
        for (name, value) in self.environment.all("AWS_") {
            if let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>()
                && !ADDRESSES.contains(&name)
            {
                builder = builder.with_config(key, value);
            }
        }
        builder = builder
            .with_bucket_name(&self.name)
            .with_region(&self.region)
            .with_virtual_hosted_style_request(self.in_host)
            .with_client_options(self.client_options()?)
            .with_retry(patience());
        if let Some(endpoint) = &self.endpoint {
            let hosted = || hosted(endpoint, &self.name);
            builder = builder.with_endpoint(if self.in_host { hosted() } else { endpoint.clone() });
        }
        Ok(Arc::new(builder.build()?))
    }

    fn client_options(&self) -> Result<ClientOptions, Error> {
        let options = client_options(self.endpoint.as_deref());
        let Some(file) = self.environment.get(CA_BUNDLE) else { return Ok(options) };
        let generic = |error: std::io::Error| Error::Generic { store: CA_BUNDLE, source: Box::new(error) };
        let certificates = Certificate::from_pem_bundle(&fs_err::read(file).map_err(generic)?)?;
        Ok(certificates.into_iter().fold(options, ClientOptions::with_root_certificate))
    }

    /// `s3://bucket`.
    pub(super) fn url(&self) -> String {
        format!("s3://{}", self.name)
    }

    /// Endpoint or region.
    pub(super) fn whereabouts(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("at {endpoint} (region {})", self.region),
            None => format!("in region {}", self.region),
        }
    }

    /// Asks in which region the bucket is, for which no right is needed; true if it is another one, which is taken then.
    pub(super) async fn relocate(&mut self) -> bool {
        let Some(region) = self.region_of_bucket().await.filter(|region| *region != self.region) else {
            return false;
        };
        self.region = region;
        true
    }

    async fn region_of_bucket(&self) -> Option<String> {
        let address = match (&self.endpoint, self.in_host) {
            (Some(endpoint), true) => hosted(endpoint, &self.name),
            (Some(endpoint), false) => format!("{}/{}", endpoint.trim_end_matches('/'), self.name),
            (None, true) => format!("https://{}.s3.{}.amazonaws.com", self.name, self.region),
            (None, false) => format!("https://s3.{}.amazonaws.com/{}", self.region, self.name),
        };
        let mut client =
            reqwest::Client::builder().timeout(REGION_TIMEOUT).redirect(reqwest::redirect::Policy::none());
        if let Some(file) = self.environment.get(CA_BUNDLE) {
            let bundle = reqwest::Certificate::from_pem_bundle(&fs_err::read(file).ok()?).ok()?;
            client = bundle.into_iter().fold(client, reqwest::ClientBuilder::add_root_certificate);
        }
        let answer = client.build().ok()?.head(address).send().await.ok()?;
        let region = answer.headers().get(REGION_HEADER)?.to_str().ok()?;
        (!region.is_empty()).then(|| region.to_owned())
    }

    /// The sources of credentials in the order in which they are looked at, up to the one that is used.
    pub(super) fn credential_sources(&self) -> String {
        let is_set = |name: &str| self.environment.get(name).is_some();
        let sources: [(&str, &[&str]); 4] = [
            ("static keys", &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]),
            ("web identity", &["AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"]),
            ("container credentials", &["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]),
            (
                "pod identity",
                &["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"],
            ),
        ];
        let mut told = Vec::new();
        for (source, variables) in sources {
            if variables.iter().all(|name| is_set(name)) {
                told.push(format!("{source} ({}) tried", variables.join(", ")));
                return told.join("; ");
            }
            let absent: Vec<_> = variables.iter().filter(|name| !is_set(name)).copied().collect();
            told.push(format!("{source}: {} not set", absent.join(", ")));
        }
        let metadata = self.environment.get("AWS_METADATA_ENDPOINT").unwrap_or("http://169.254.169.254");
        told.push(format!("the instance's role (metadata at {metadata}) tried"));
        told.join("; ")
    }

    /// The command that copies the folder `from` to `to`.
    pub(super) fn copy_command(&self, from: &dyn Display, to: &dyn Display) -> String {
        let endpoint = self.endpoint.as_ref().map(|url| format!(" --endpoint-url {url}")).unwrap_or_default();
        format!("aws s3 cp --recursive --exclude 'spool/*' '{from}' '{to}/'{endpoint}")
    }
}

/// `endpoint` with the bucket as the first part of its host name.
fn hosted(endpoint: &str, bucket: &str) -> String {
    match endpoint.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{bucket}.{rest}"),
        None => endpoint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(variables: &[(&str, &str)]) -> S3Bucket {
        let environment =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let settings = serde_json::json!({"bucket_name": "b", "path": "p"});
        S3Bucket::new(&serde_json::from_value(settings).expect("settings"), &environment)
    }

    #[test]
    fn addresses_name_the_bucket_where_the_style_wants_it() {
        assert_eq!(hosted("https://minio.test:9000", "b"), "https://b.minio.test:9000");
    }

    #[test]
    fn sources_of_credentials_are_told_up_to_the_one_that_is_used() {
        insta::assert_snapshot!(bucket(&[]).credential_sources(), @"static keys: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY not set; web identity: AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN not set; container credentials: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI not set; pod identity: AWS_CONTAINER_CREDENTIALS_FULL_URI, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE not set; the instance's role (metadata at http://169.254.169.254) tried");
        let web = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"), ("AWS_ROLE_ARN", "r"), ("AWS_ACCESS_KEY_ID", "")];
        insta::assert_snapshot!(bucket(&web).credential_sources(), @"static keys: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY not set; web identity (AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN) tried");
    }

    #[test]
    fn the_environment_gives_region_and_endpoint() {
        let found = bucket(&[("AWS_DEFAULT_REGION", "eu-west-2"), ("AWS_ENDPOINT_URL", "http://m:9000")]);
        assert_eq!(found.whereabouts(), "at http://m:9000 (region eu-west-2)");
        assert!(!found.in_host);
        assert_eq!(bucket(&[("AWS_ENDPOINT_URL_STS", "https://s")]).whereabouts(), "in region us-east-1");
    }
}
