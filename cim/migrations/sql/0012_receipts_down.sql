DROP TABLE cim.receipt;
