DROP TABLE cim.webhook_delivery;
DROP TABLE cim.webhook;
